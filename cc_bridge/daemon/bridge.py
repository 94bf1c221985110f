"""The wiring: one PBX, its calls, surveys, storage, metrics and pages, tied together.

`daemon.py` and the demo make a `Bridge` and start it. This is the only place where the parts meet: `parts.py`
makes them of the configuration, and every record goes through `daemon/services/record_pipeline.py`.

The trap: order at the end. Surveys finish first (their answers still need the writer), then the link to
the PBX closes, then the writer flushes and what copies its journal to a server ends last.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cc_bridge.agi.server import BACKLOG
from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.daemon.health import Health
from cc_bridge.daemon.jobs.digests import make_publishing
from cc_bridge.daemon.jobs.follow_ups import FollowUpJob
from cc_bridge.daemon.jobs.rollups import RollupJob
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob
from cc_bridge.daemon.parts import (
    limits,
    make_calling_back,
    make_link,
    make_nightly,
    make_tracker,
    thresholds,
)
from cc_bridge.daemon.services.agi_scripts import make_agi
from cc_bridge.daemon.services.ami_listener import AmiListener
from cc_bridge.daemon.services.customer_lookup import CustomerLookup
from cc_bridge.daemon.services.people_api import PeopleApi
from cc_bridge.daemon.services.record_dispatcher import RecordDispatcher
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.daemon.services.survey_versions import SurveyVersionCheck
from cc_bridge.daemon.services.wallboard import Wallboard
from cc_bridge.metrics.instruments import Metrics
from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.engine import make_engine
from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.server import site

__all__ = ["Bridge"]

_log = Logger()


class Bridge:
    """One daemon: `start` opens everything, `stop` fires when all is closed and on disk."""

    def __init__(
        self,
        config: Config,
        reactor: Any,
        observed_until: float | None = None,
        unfinished: Sequence[OpenStateRecord] = (),
    ) -> None:
        """`observed_until`: when an earlier daemon saw this PBX last; `unfinished`: what went on then."""
        self.config = config
        self.tracker = make_tracker(config)
        self.registry = CollectorRegistry()
        self.metrics = Metrics(
            self.registry, config.pbx.name, thresholds(config), agents=config.metrics.agents
        )
        self.writing = RecordPipeline(config, reactor)
        journal, telling = self.writing.journal, self.writing.telling
        self.observation = AmiListener(
            self.tracker,
            self.writing.record,
            observed_until=observed_until,
            unfinished=unfinished,
            queues_known=lambda: self._counting.init_queues(),  # noqa: PLW0108 - it is made below
        )
        self.writing.going_on = self.observation.cut
        self.link = self.observation.link = make_link(config, self.observation, reactor)
        self._reactor = reactor
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        surveys, sounds = load_surveys(config)
        self.asking = SurveyInvitations(
            config,
            surveys,
            sounds,
            self.tracker,
            self.link,
            record=self.writing.enter,
            running=lambda: self.agi.in_progress,
            clock=reactor,
        )
        self.calling_back = make_calling_back(
            config, self.asking, self.link, self.writing.enter, self.metrics.count_survey_stage, reactor
        )
        self._defining = SurveyVersionCheck(config.pbx.name, self.writing.record, self.link.pbx_now)
        self._remembering = SurveyHistoryJob(
            partial(make_engine, config.storage.url),
            self.asking.asked,
            self.calling_back.plan.called_at if self.calling_back else {},
            self._defining.compare,
            days=lambda: self.config.days_to_remember,
            now=self.link.pbx_now,
            in_thread=in_thread,
            clock=reactor,
            kept=journal.said if journal else None,
        )
        self._nightly = make_nightly(lambda: self.config, journal, self.link.pbx_now, in_thread, reactor)
        self.publishing = make_publishing(lambda: self.config, in_thread, reactor)
        self._following_up = FollowUpJob(
            lambda: self.config,
            make_numbers(config).shared,
            partial(make_engine, config.storage.url),
            telling.follow_ups if telling else lambda _news: True,
            self.writing.oldest_seconds,
            self.metrics.count_follow_ups,
            self.link.pbx_now,
            in_thread,
            reactor,
            observed_until,
        )
        self.wallboard = Wallboard(
            lambda: self.config,
            lambda: self.asking.surveys,
            self.tracker,
            self.link,
            waits_since=self.writing.in_journal_seconds,
            in_thread=in_thread,
            clock=reactor,
        )
        self._access = TokenAuth(config.http.host, config.http.access_token())
        self.knowing = CustomerLookup(
            config, self.writing.tell, self.link.pbx_now, self.metrics.count_caller_lookup, reactor
        )
        self.showing = PeopleApi(lambda: self.config, self.link.pbx_now, reactor)
        self.agi = make_agi(
            config,
            self.asking,
            self.knowing.greeter,
            self.writing.commit,
            self.link.pbx_now,
            self.metrics.count_survey_stage,
            reactor,
        )
        self.health = Health(self.link, self.writing, self.agi)
        self._counting = RecordDispatcher(
            lambda: self.config, self.metrics, self.tracker, self.asking, self.wallboard
        )
        self.writing.count = self._counting.count
        # What goes on beside the calls, at its own time.
        self._beside = (
            self._remembering,
            self.knowing,
            self.showing,
            self.wallboard,
            self._nightly,
            RollupJob(partial(make_engine, config.storage.url), in_thread, reactor),
            self._following_up,
            self.publishing,
        )
        self._ports: list[IListeningPort] = []
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    # -- life

    def start(self) -> None:
        """Listen, connect, write. Raises CannotListenError for a port that is taken."""
        config = self.config
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        writing = self.writing
        deliveries = writing.telling.deliveries if writing.telling else None
        self.metrics.watch(
            self.tracker, self.link, writing.writer, self.agi, writing.forwarder, deliveries, self.publishing
        )
        self._counting.init_queues()
        self._defining.loaded(self.asking.surveys.values())
        board = self.wallboard
        pages = site(
            self.metrics.page,
            self.health.alive,
            self.health.ready,
            self._access,
            board.current,
            board.stream,
            customers=self.knowing.pages,
            agent=self.showing.agent,
            **{"follow-ups": self.showing.follow_ups},
        )
        self._ports.append(self._reactor.listenTCP(config.http.port, pages, interface=config.http.host))
        self._ports.append(self._reactor.listenTCP(config.agi.port, self.agi, BACKLOG, config.agi.host))
        writing.start()
        for each in self._beside:
            each.start()
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
        for each in self._beside:
            each.stop()
        if self.calling_back:
            self.calling_back.stop()
        if self._ticking.running:
            self._ticking.stop()
        await self.writing.stop(seconds)
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
        self._counting.init_queues()
        self._defining.loaded(self.asking.surveys.values())
        return waits

    # -- inside

    def _tick(self) -> None:
        self.observation.tick()
        if self.calling_back and self.link.up:
            self.calling_back.tick()
        self.writing.cut()
        self.wallboard.tick()


def _address(port: IListeningPort) -> str:
    address: Any = port.getHost()  # IPv4Address or IPv6Address
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
