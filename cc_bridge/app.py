"""The wiring: one PBX, its calls, surveys, storage, metrics and pages, tied together.

`cli.py` and the demo make a `Bridge` and start it. This is the only place that knows the reactor and the
wall clock, and the only one where the parts meet: every record goes through `_recorded`.

The trap: order at the end. Surveys finish first (their answers still need the writer), then the link to
the PBX closes, and the writer flushes last.
"""

import random
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from OpenSSL.crypto import Error as CryptoError
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cc_bridge import shipped
from cc_bridge.agi.server import FastAgiFactory, Limits
from cc_bridge.agi.survey import Interviewer
from cc_bridge.ami.client import Timeouts
from cc_bridge.ami.service import AmiService, Pauses
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.reading import WANTED, read
from cc_bridge.calls.resync import Snapshot
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import AmiConfig, Config
from cc_bridge.errors import ConfigError
from cc_bridge.metrics import Metrics
from cc_bridge.records import Answer, Gap, GapReason, Observed, QueueVisit, Record, Ring, SurveyAttempt, Talk
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.writer import Writer
from cc_bridge.surveys.attribution import Attribution
from cc_bridge.surveys.catalogue import parse_catalogue
from cc_bridge.surveys.definition import Survey, parse_survey
from cc_bridge.surveys.policy import NotAsked
from cc_bridge.web.server import site

__all__ = ["Bridge", "load_survey"]

_log = Logger()

# Seconds between two marks in the database of how far the PBX was observed.
_MARK_SECONDS = 5.0
# Seconds between two looks at what Asterisk itself says goes on, and before a doubt is looked at again.
_CHECK_SECONDS = 60.0
_DOUBT_SECONDS = 3.0
# Batches are written every 200 ms; a backlog this old means that the database is away.
_LATE_SECONDS = 30.0


def load_survey(config: Config) -> Survey:
    """Return the configured survey. Raises SurveyError or ConfigError."""
    catalogue_file = shipped("dialplans/prompts.toml")
    file = config.survey.file or shipped("config/surveys/csat.toml")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"survey.file = {str(file)!r}: cannot be read: {error}") from error
    catalogue = parse_catalogue(catalogue_file.read_text(encoding="utf-8"), str(catalogue_file))
    return parse_survey(text, str(file), catalogue.sounds)


class Bridge:
    """One daemon: `start` opens everything, `stop` fires when all is closed and on disk.

    It is also the `Listener` of the AMI link.
    """

    def __init__(self, config: Config, reactor: Any, observed_until: float | None = None) -> None:
        """`observed_until`: when an earlier daemon saw this PBX last, by the database."""
        self.config = config
        agents = Agents(
            config.pbx.name,
            lambda queue: self.config.queue(queue).wrap_up_seconds,
            config.agents.wrap_up_reasons,
            config.agents.longest_wrap_up_seconds,
        )
        self.tracker = Tracker(config.pbx.name, config.queues, agents)
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, config.pbx.name, _thresholds(config))
        self.writer = Writer(
            lambda: open_database(config.storage.url), reactor.callFromThread, config.storage.max_backlog
        )
        self.link = AmiService(
            endpoint=_ami_endpoint(config.ami, reactor),
            credentials=(config.ami.username, config.ami.password()),
            listener=self,
            wanted=WANTED,
            clock=reactor,
            wall_clock=time.time,
            chance=random.random,
            timeouts=Timeouts(ping_every=config.ami.ping_seconds, answer=config.ami.answer_seconds),
            pauses=Pauses(longest=config.ami.longest_pause_seconds),
        )
        self._reactor = reactor
        self._survey = load_survey(config)
        self.agi = FastAgiFactory(self._interviewer().interview, _limits(config), reactor)
        self._gap: Gap | None = None  # one that goes on, its end not known yet
        self._dropped = 0  # messages that the link had dropped when we looked last
        self._ticked_at = self._next_check = self._next_mark = 0.0
        if observed_until is not None:
            self._begin_gap(GapReason.DAEMON_DOWN, observed_until)
        self._attempts: dict[str, str] = {}  # queues of the surveys that run, by attempt
        self._ports: list[IListeningPort] = []
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    # -- life

    def start(self) -> None:
        """Listen, connect, write. Raises CannotListenError for a port that is taken."""
        config = self.config
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.metrics.watch(self.tracker, self.link, self.writer, self.agi)
        self._know_queues()
        pages = site(self.registry, self._alive, self._ready)
        self._ports.append(self._reactor.listenTCP(config.http.port, pages, interface=config.http.host))
        self._ports.append(self._reactor.listenTCP(config.agi.port, self.agi, interface=config.agi.host))
        self.writer.start()
        self.link.start()
        self._ticking.start(1.0)
        _log.info("pages on {http}, surveys on {agi}", http=self.http_address, agi=self.agi_address)

    @property
    def http_address(self) -> str:
        return _address(self._ports[0])

    @property
    def agi_address(self) -> str:
        return _address(self._ports[1])

    async def stop(self) -> None:
        """Take no new surveys, finish or cut those that run, close the link, flush."""
        seconds = self.config.run.stop_seconds
        await maybeDeferred(self._ports[1].stopListening)
        await self.agi.stop(seconds)
        if self.link.up:
            now = self.link.pbx_now()
            self._recorded(self.tracker.lost_sight(now))
            self._mark(now)
        self.link.stop()
        if self._ticking.running:
            self._ticking.stop()
        lost = await self.writer.stop(max(seconds, 5.0))
        if lost:
            _log.error("{lost} records could not be written before the end", lost=lost)
        await maybeDeferred(self._ports[0].stopListening)

    def reload(self, config: Config) -> list[str]:
        """Take over what can change at run time; return the sections that need a restart.

        Raises SurveyError or ConfigError, and then keeps everything as it was.
        """
        survey = load_survey(config)
        fixed = ["pbx", "ami", "http", "storage", "agents", "queue_defaults", "queues"]
        waits = [name for name in fixed if getattr(config, name) != getattr(self.config, name)]
        if (config.agi.host, config.agi.port) != (self.config.agi.host, self.config.agi.port):
            waits.append("agi")
        # Surveys by queue change at once; thresholds are bounds of histograms, which cannot.
        self.config, self._survey = config, survey
        self.agi.limits, self.agi.handler = _limits(config), self._interviewer().interview
        self._know_queues()
        return waits

    # -- what the AMI link tells (ami.service.Listener)

    def ami_up(self, queue_status: Sequence[Any], channels: Sequence[Any], taken_at: float) -> None:
        self._recorded(self.tracker.resync(Snapshot.of(queue_status, channels, taken_at)))
        if self._gap is not None and self.link.started_at > self._gap.started_at - 1:
            self._gap = replace(self._gap, reason=GapReason.PBX_RESTARTED)
        self._end_gap(taken_at)
        self._dropped = self.link.counts.dropped
        self._mark(taken_at)
        self._know_queues()

    def ami_event(self, event: Any) -> None:
        typed = read(event, self.link.pbx_now)
        if typed is not None:
            self._recorded(self.tracker.apply(typed))

    def ami_checked(self, queue_status: Sequence[Any], channels: Sequence[Any], taken_at: float) -> None:
        snapshot = Snapshot.of(queue_status, channels, taken_at)
        self._recorded(self.tracker.resync(snapshot, fresh=False))
        self._end_gap(taken_at)
        self._know_queues()
        self._next_check = taken_at + (_DOUBT_SECONDS if self.tracker.doubts else _CHECK_SECONDS)

    def ami_down(self, why: str, at: float) -> None:
        _log.warn("calls are not observed: {why}", why=why)
        self._recorded(self.tracker.lost_sight(at))
        self._begin_gap(GapReason.LINK_LOST, at)

    # -- inside

    def _tick(self) -> None:
        if not self.link.up:
            return
        now = self.link.pbx_now()
        self._recorded(self.tracker.tick(now))
        if self.link.counts.dropped > self._dropped:
            # What the message would have told is not known; the next snapshot says what is true now.
            self._dropped = self.link.counts.dropped
            self._begin_gap(GapReason.MESSAGE_DROPPED, self._ticked_at)
            self._next_check = now
        if now >= self._next_mark:
            self._mark(now)
        if now >= self._next_check:
            self._next_check = now + _CHECK_SECONDS
            self.link.check()
        self._ticked_at = now

    def _mark(self, now: float) -> None:
        """Note in the database how far the PBX was observed."""
        self._next_mark = now + _MARK_SECONDS
        self.writer.put(Observed(self.config.pbx.name, now))

    def _begin_gap(self, reason: GapReason, at: float) -> None:
        if self._gap is None:
            calls = len(self.tracker.visits) + len(self.tracker.talks.going_on())
            self._gap = Gap(self.config.pbx.name, at, at, reason, calls)

    def _end_gap(self, at: float) -> None:
        if self._gap is not None:
            gap, self._gap = replace(self._gap, ended_at=at), None
            self._recorded([gap])

    def _recorded(self, records: Iterable[Record]) -> None:
        for record in records:
            self._count(record)
            self.writer.put(record)

    def _stored(self, record: SurveyAttempt | Answer) -> Deferred[None]:
        """Count and write what a survey brings; fires when it is on disk."""
        self._count(record)
        return self.writer.commit(record)

    def _count(self, record: Record) -> None:
        match record:
            case QueueVisit():
                short = self.config.queue(record.queue).short_abandon_seconds
                self.metrics.count_visit(record, short)
            case Ring():
                self.metrics.count_ring(record)
            case Gap():
                self.metrics.count_gap(record)
            case Talk():
                self.metrics.count_talk(
                    record, self.tracker.agents.wrap_up_seconds(record.agent, record.queue)
                )
            case SurveyAttempt(ended_at=None):
                self._attempts[record.attempt_id] = record.queue
            case SurveyAttempt():
                self._attempts.pop(record.attempt_id, None)
            case Answer():
                self.metrics.count_answer(record, self._attempts.get(record.attempt_id, ""))

    def _know_queues(self) -> None:
        for queue in self.tracker.queues:
            self.metrics.know_queue(queue, self._survey.questions)

    def _interviewer(self) -> Interviewer:
        return Interviewer(
            self.config.pbx.name,
            self._survey,
            attribute=self._attribute,
            store=self._stored,
            now=self.link.pbx_now,
            clock=self._reactor,
            on_stage=self.metrics.survey_stage,
        )

    def _attribute(self, uniqueid: str) -> Attribution | NotAsked:
        """Say whom a caller may rate, or why the caller is not asked."""
        talk = self.tracker.talks.last(uniqueid)
        if talk is None:
            return NotAsked.NO_AGENT
        if not (self.config.survey.enabled and self.config.queue(talk.queue).survey):
            return NotAsked.DISABLED
        return Attribution(talk.call_id, talk.queue, talk.member, talk.interface)

    def _alive(self) -> dict[str, str]:
        return {"writer": "" if self.writer.alive else "the storage writer has ended"}

    def _ready(self) -> dict[str, str]:
        backlog = self.writer.oldest_seconds
        late = f"records wait for the database since {backlog:.0f} s" if backlog > _LATE_SECONDS else ""
        return {
            "ami": "" if self.link.up else self.link.why_down,
            "storage": self._alive()["writer"] or late,
            "surveys": "stopping" if self.agi.stopping else "",
        }


def _thresholds(config: Config) -> list[float]:
    queues = [config.queue_defaults, *config.queues.values()]
    return [
        seconds for queue in queues for seconds in (queue.service_level_seconds, queue.short_abandon_seconds)
    ]


def _limits(config: Config) -> Limits:
    agi = config.agi
    return Limits(agi.max_callers, agi.max_seconds, agi.head_lines, agi.head_bytes, agi.head_seconds)


def _ami_endpoint(ami: AmiConfig, reactor: Any) -> IStreamClientEndpoint:
    """Return where to connect; with TLS the certificate must fit the host's name and the CA."""
    endpoint: IStreamClientEndpoint = HostnameEndpoint(
        reactor, ami.host, ami.port, timeout=ami.answer_seconds
    )
    if not ami.tls:
        return endpoint
    trust = platformTrust()
    if ami.tls_ca_file is not None:
        try:
            authorities = [Certificate.loadPEM(part) for part in _pem_parts(ami.tls_ca_file.read_bytes())]
        except (OSError, CryptoError) as error:
            raise ConfigError(
                f"ami.tls_ca_file = {str(ami.tls_ca_file)!r}: cannot be read: {error}"
            ) from error
        trust = trustRootFromCertificates(authorities)
    return wrapClientTLS(optionsForClientTLS(ami.host, trustRoot=trust), endpoint)


def _pem_parts(pem: bytes) -> list[bytes]:
    """Return the certificates of a file one by one."""
    return re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)


def _address(port: IListeningPort) -> str:
    address: Any = port.getHost()  # IPv4Address or IPv6Address
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
