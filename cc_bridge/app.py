"""The wiring: one PBX, its calls, surveys, storage, metrics and pages, tied together.

`cli.py` and the demo make a `Bridge` and start it. This is the only place where the parts meet (`parts.py`
makes them): every record goes through `_recorded`.

The trap: order at the end. Surveys finish first (their answers still need the writer), then the link to
the PBX closes, then the writer flushes and what copies its journal to a server ends last.
"""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cc_bridge.agi.channel import Channel
from cc_bridge.agi.consent import ConsentAsker
from cc_bridge.agi.request import Request
from cc_bridge.agi.server import BACKLOG, FastAgiFactory
from cc_bridge.agi.survey import Interviewer
from cc_bridge.asking import Asking
from cc_bridge.config import Config
from cc_bridge.counting import Counting
from cc_bridge.following_up import FollowingUp
from cc_bridge.knowing import Knowing
from cc_bridge.metrics.counted import Metrics
from cc_bridge.nightly import Nightly
from cc_bridge.observation import Observation
from cc_bridge.parts import (
    limits,
    load_surveys,
    make_calling_back,
    make_forwarder,
    make_link,
    make_numbers,
    make_purge,
    make_settling,
    make_tracker,
    thresholds,
)
from cc_bridge.privacy import Privacy
from cc_bridge.publishing.when_due import make_publishing
from cc_bridge.records import (
    Answer,
    CustomerNumber,
    FunnelEntry,
    OptOut,
    Record,
    SurveyAttempt,
    SurveyDefinition,
    Unfinished,
)
from cc_bridge.remembering import Remembering
from cc_bridge.showing import Showing
from cc_bridge.storage.database import Database
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.outbox import open_with_outbox
from cc_bridge.storage.writer import Writer, nothing_beside
from cc_bridge.surveys.versions import Versions, definition_of
from cc_bridge.wallboard import Wallboard
from cc_bridge.web.access import Access
from cc_bridge.web.server import site

__all__ = ["Bridge"]

_log = Logger()

# Records wait so long for others to be written with them, as long as the writer would let them wait.
_CUT_SECONDS = 0.2
# Batches are written every 200 ms; a backlog this old means that the disk or the database is away.
_LATE_SECONDS = 30.0
# At the end the forwarder may go on for so long; what is left stays in the journal.
_FORWARD_SECONDS = 5.0


class Bridge:
    """One daemon: `start` opens everything, `stop` fires when all is closed and on disk."""

    def __init__(
        self,
        config: Config,
        reactor: Any,
        observed_until: float | None = None,
        unfinished: Sequence[Unfinished] = (),
    ) -> None:
        """`observed_until`: when an earlier daemon saw this PBX last; `unfinished`: what went on then."""
        self.config = config
        self.tracker = make_tracker(config)
        self._privacy = Privacy(config.callers.caller_keys())
        self.registry = CollectorRegistry()
        self.metrics = Metrics(
            self.registry, config.pbx.name, thresholds(config), agents=config.metrics.agents
        )
        self.forwarder = make_forwarder(config.storage, reactor)
        self.telling = None
        if config.webhooks:
            from cc_bridge.telling import Telling  # noqa: PLC0415 - its docstring says why

            self.telling = Telling(config, reactor)
        beside = self.telling.beside if self.telling else nothing_beside
        open_file = open_with_outbox if self.telling else open_database
        sink = self.forwarder.journal if self.forwarder else Database(partial(open_file, config.storage.url))
        self.writer = Writer(sink, reactor.callFromThread, config.storage.max_backlog, beside)
        self.observation = Observation(
            self.tracker,
            self._recorded,
            observed_until=observed_until,
            unfinished=unfinished,
            queues_known=self._know_queues,
        )
        self.link = self.observation.link = make_link(config, self.observation, reactor)
        self._reactor = reactor
        surveys, sounds = load_surveys(config)
        self.asking = Asking(
            config,
            surveys,
            sounds,
            self.tracker,
            self.link,
            record=self._enter,
            running=lambda: self.agi.in_progress,
            clock=reactor,
        )
        self.calling_back = make_calling_back(
            config, self.asking, self.link, self._enter, self.metrics.survey_stage, reactor
        )
        self._versions = Versions()
        self._remembering = Remembering(
            partial(make_engine, config.storage.url),
            self.asking.asked,
            self.calling_back.plan.called_at if self.calling_back else {},
            self._compare_surveys,
            days=lambda: self.config.days_to_remember,
            now=self.link.pbx_now,
            in_thread=partial(deferToThreadPool, reactor, reactor.getThreadPool()),
            clock=reactor,
            kept=self.forwarder.journal.said if self.forwarder else None,
        )
        self._nightly = Nightly(
            make_purge(
                lambda: self.config, self.forwarder.journal if self.forwarder else None, self.link.pbx_now
            ),
            hour=lambda: self.config.retention.hour,
            now=time.time,
            in_thread=partial(deferToThreadPool, reactor, reactor.getThreadPool()),
            clock=reactor,
        )
        self._settling = make_settling(config.storage, reactor)
        self.publishing = make_publishing(
            lambda: self.config, partial(deferToThreadPool, reactor, reactor.getThreadPool()), reactor
        )
        self._following_up = FollowingUp(
            lambda: self.config,
            make_numbers(config).shared,
            partial(make_engine, config.storage.url),
            self.telling.follow_ups if self.telling else lambda _news: True,
            self._oldest_seconds,
            self.metrics.count_follow_ups,
            self.link.pbx_now,
            partial(deferToThreadPool, reactor, reactor.getThreadPool()),
            reactor,
            observed_until,
        )
        self.wallboard = Wallboard(
            lambda: self.config,
            lambda: self.asking.surveys,
            self.tracker,
            self.link,
            waits_since=lambda: self.forwarder.journal.oldest_seconds if self.forwarder else 0.0,
            in_thread=partial(deferToThreadPool, reactor, reactor.getThreadPool()),
            clock=reactor,
        )
        self._access = Access(config.http.host, config.http.access_token())
        self._interviewer = Interviewer(
            config.pbx.name,
            self.asking.invite,
            store=self._stored,
            now=self.link.pbx_now,
            clock=reactor,
            on_stage=self.metrics.survey_stage,
            recordings=config.survey.recordings,
        )
        self.knowing = Knowing(
            config, self._told_of_customer, self.link.pbx_now, self.metrics.count_greeting, reactor
        )
        self.showing = Showing(lambda: self.config, self.link.pbx_now, reactor)
        scripts = {"survey", "consent", "greet", "doctor"}
        self.agi = FastAgiFactory(self._serve, limits(config), reactor, scripts)
        self._counting = Counting(
            lambda: self.config, self.metrics, self.tracker.agents, self.asking, self.wallboard
        )
        self._ports: list[IListeningPort] = []
        self._cutting: IDelayedCall | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    # -- life

    def start(self) -> None:
        """Listen, connect, write. Raises CannotListenError for a port that is taken."""
        config = self.config
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        deliveries = self.telling.deliveries if self.telling else None
        self.metrics.watch(
            self.tracker, self.link, self.writer, self.agi, self.forwarder, deliveries, self.publishing
        )
        self._know_queues()
        self._know_surveys()
        board = self.wallboard
        pages = site(
            self.metrics.page,
            self.alive,
            self._ready,
            self._access,
            board.current,
            board.stream,
            customers=self.knowing.pages,
            agent=self.showing.agent,
            **{"follow-ups": self.showing.follow_ups},
        )
        self._ports.append(self._reactor.listenTCP(config.http.port, pages, interface=config.http.host))
        self._ports.append(self._reactor.listenTCP(config.agi.port, self.agi, BACKLOG, config.agi.host))
        self.writer.start()
        if self.forwarder:
            self.forwarder.start()
        if deliveries:
            deliveries.start()
        self._remembering.start()
        self.knowing.start()
        self.showing.start()
        self.wallboard.start()
        self._nightly.start()
        if self._settling:
            self._settling.start()
        self._following_up.start()
        self.publishing.start()
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
        self.observation.stop()
        self.link.stop()
        self._remembering.stop()
        self.knowing.stop()
        self.showing.stop()
        self.wallboard.stop()
        self._nightly.stop()
        if self._settling:
            self._settling.stop()
        self._following_up.stop()
        self.publishing.stop()
        if self.calling_back:
            self.calling_back.stop()
        if self._ticking.running:
            self._ticking.stop()
        if self.telling:
            await self.telling.deliveries.stop()
        self._cut()
        lost = await self.writer.stop(max(seconds, 5.0))
        if lost:
            _log.error("{lost} records could not be written before the end", lost=lost)
        if self.forwarder:
            await self.forwarder.stop(_FORWARD_SECONDS)
            self.forwarder.journal.close()
        await maybeDeferred(self._ports[0].stopListening)

    def reload(self, config: Config) -> list[str]:
        """Take over what can change at run time; return the sections that need a restart.

        Raises SurveyError or ConfigError, and then keeps everything as it was.
        """
        surveys, sounds = load_surveys(config)
        fixed = ["pbx", "ami", "http", "metrics", "storage", "agents", "callers", "direct_calls", "callback"]
        fixed += ["customers", "queue_defaults", "queues", "webhooks"]
        waits = [name for name in fixed if getattr(config, name) != getattr(self.config, name)]
        if (config.agi.host, config.agi.port) != (self.config.agi.host, self.config.agi.port):
            waits.append("agi")
        # Surveys by queue change at once; thresholds are bounds of histograms, which cannot.
        self.config = self.asking.config = config
        self.asking.surveys, self.asking.sounds = surveys, sounds
        self.agi.limits = limits(config)
        self._know_queues()
        self._know_surveys()
        return waits

    # -- inside

    def _tick(self) -> None:
        self.observation.tick()
        if self.calling_back and self.link.up:
            self.calling_back.tick()
        self._cut()
        self.wallboard.tick()

    async def _serve(self, request: Request, channel: Channel) -> None:
        """Serve a caller whom the dialplan sends to agi://.../<script>."""
        if request.script == "doctor":
            return  # it only looks whether the PBX reaches us
        if request.script == "greet":
            await self.knowing.greeter.greet(request, channel)
        elif request.script == "consent":
            await ConsentAsker(self.asking.sounds, self.asking.consented).ask(request, channel)
        else:
            await self._interviewer.interview(request, channel)

    def _recorded(self, records: Iterable[Record]) -> None:
        for record in map(self._privacy.of, records):
            self._counting.count(record)
            self.writer.put(record, last=False)
            if self._cutting is None:
                self._cutting = self._reactor.callLater(_CUT_SECONDS, self._cut)

    def _cut(self) -> None:
        """Let what has ended be written, together with what goes on: both or neither.

        Else a daemon that is killed between the two would leave a call that has ended and goes on.
        """
        cutting, self._cutting = self._cutting, None
        if cutting is not None and cutting.active():
            cutting.cancel()
        for each in self.observation.cut():
            self.writer.put(each, last=False)
        self.writer.end_cut()

    def _enter(self, entry: FunnelEntry) -> None:
        self._recorded([entry])

    def _stored(self, record: SurveyAttempt | Answer | OptOut) -> Deferred[None]:
        """Count and write what a survey brings; fires when it is on disk."""
        self._cut()
        self._counting.count(record)
        return self.writer.commit(record)

    def _told_of_customer(self, number: CustomerNumber) -> Deferred[None]:
        """Write what a CRM says; fires when it is on disk."""
        return self.writer.commit(self._privacy.of(number))

    def _oldest_seconds(self) -> float:
        """Return for how long the oldest record has been waiting for the database."""
        in_journal = self.forwarder.journal.oldest_seconds if self.forwarder else 0.0
        return max(self.writer.oldest_seconds, in_journal)

    def _know_queues(self) -> None:
        for queue in self.tracker.queues:
            settings = self.config.queue(queue)
            survey = self.asking.surveys.get(settings.survey)
            self.metrics.know_queue(queue, settings.service_level_seconds, survey.questions if survey else ())

    def _know_surveys(self) -> None:
        """Keep what is asked from now on, for those who read the answers."""
        pbx, now = self.config.pbx.name, self.link.pbx_now()
        definitions = [definition_of(pbx, survey, now) for survey in self.asking.surveys.values()]
        self._compare_surveys(definitions)
        self._recorded(definitions)

    def _compare_surveys(self, definitions: Iterable[SurveyDefinition]) -> None:
        for changed in self._versions.changed(definitions):
            _log.warn(
                "survey {survey}: version {version} has had other questions or languages before; its answers "
                "cannot be told from theirs: give it the next number",
                survey=changed.survey,
                version=changed.version,
            )

    def alive(self) -> dict[str, str]:
        """Return each thread's name, and that it has ended or an empty text: only a restart mends that."""
        threads = {"writer": self.writer.alive, "forwarder": self.forwarder is None or self.forwarder.alive}
        return {name: "" if alive else f"the storage {name} has ended" for name, alive in threads.items()}

    def _ready(self) -> dict[str, str]:
        ready = {
            "ami": "" if self.link.up else self.link.why_down,
            "storage": self.alive()["writer"] or _late("the disk", self.writer.oldest_seconds),
            "surveys": "stopping" if self.agi.stopping else "",
        }
        if self.forwarder:
            journal = self.forwarder.journal
            ready["database"] = _late("the database", journal.oldest_seconds)
            ready["journal"] = "full, only ratings are kept" if journal.full else ""
        return ready


def _late(what: str, seconds: float) -> str:
    return f"records wait for {what} since {seconds:.0f} s" if seconds > _LATE_SECONDS else ""


def _address(port: IListeningPort) -> str:
    address: Any = port.getHost()  # IPv4Address or IPv6Address
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
