"""The place where the services of the daemon for one PBX are created and connected.

The services are, among others, the AMI link, surveys, storage, metrics and web pages.

Services start in the order of `_add_children` and stop in reverse order. At a stop, surveys in progress
finish first, because the storage writer must still store their answers. Then the AMI link closes, and the
writer stores the remaining records. With a database server, the forwarder, which copies records from the
journal to the server, stops next. The HTTP server closes last, so that /readyz and /metrics stay available
during the shutdown.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.digests import DigestJob
from cc_bridge.daemon.jobs.file_check import FileCheckJob
from cc_bridge.daemon.jobs.follow_ups import FollowUpJob
from cc_bridge.daemon.jobs.retention import RetentionJob
from cc_bridge.daemon.jobs.rollups import RollupJob
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob
from cc_bridge.daemon.jobs.today_backfill import TodayBackfillJob
from cc_bridge.daemon.service import Context, SequentialServices
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.agent_api import AgentApi
from cc_bridge.daemon.services.agi_scripts import AgiScripts
from cc_bridge.daemon.services.ami_listener import AmiListener
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.daemon.services.customer_lookup import CustomerLookup
from cc_bridge.daemon.services.fast_agi import FastAgi
from cc_bridge.daemon.services.follow_up_api import FollowUpApi
from cc_bridge.daemon.services.health import Health
from cc_bridge.daemon.services.http import Http
from cc_bridge.daemon.services.lost_records import LostRecords
from cc_bridge.daemon.services.metrics_recorder import MetricsRecorder
from cc_bridge.daemon.services.pages import Pages
from cc_bridge.daemon.services.people_pages import PeoplePages
from cc_bridge.daemon.services.queues_in_use import in_use
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.daemon.services.survey_callback_dialer import SurveyCallbackDialer
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.daemon.services.survey_routing_check import SurveyRoutingCheck
from cc_bridge.daemon.services.survey_version_check import SurveyVersionCheck
from cc_bridge.daemon.services.system_state import SystemReader
from cc_bridge.daemon.services.ticks import Ticks
from cc_bridge.daemon.services.wallboard_publisher import WallboardPublisher
from cc_bridge.records import OpenStateRecord

__all__ = ["Bridge"]

_log = Logger()


class Bridge(SequentialServices):
    """The daemon for one PBX: the parent of all its services.

    `startService` opens the ports, the AMI link and the storage. The Deferred of `stopService` fires when
    every service has stopped and all records are on disk.
    """

    taken_over = ("log.level", "run.shutdown_timeout_seconds")

    def __init__(
        self,
        config: Config,
        reactor: Any,
        observed_until: float | None = None,
        unfinished: Sequence[OpenStateRecord] = (),
    ) -> None:
        """Create all services, without starting them.

        `observed_until` is the time (UTC seconds) up to which an earlier daemon observed this PBX, None if
        there was no earlier daemon. `unfinished` holds the calls and agent states that were open at that
        time.
        """
        super().__init__(config)
        context = Context.of(config, reactor)
        self._database = context.database
        self.surveys = ConfiguredSurveys(context)
        self.pipeline = pipeline = RecordPipeline(context)
        self.listener = AmiListener(context, pipeline, observed_until, unfinished)
        self.tracker, self.link, now = self.listener.tracker, self.listener.link, self.listener.link.pbx_now
        self.losses = LostRecords(context, pipeline, now)
        self.recorder = MetricsRecorder(context, self.surveys, self.tracker)
        self.metrics, on_stage = self.recorder.metrics, self.recorder.metrics.count_survey_stage
        self.fast_agi = FastAgi(context)
        record = pipeline.record_decision
        self.callbacks = SurveyCallbackDialer.from_config(context, self.link, record, on_stage)
        self.routing = SurveyRoutingCheck(
            context, self.surveys, self.tracker, pipeline.record, lambda: self.listener.observing
        )
        self.invitations = SurveyInvitations(
            context,
            self.surveys,
            self.tracker,
            self.link,
            record,
            self.fast_agi,
            self.callbacks,
            self.routing.survey_requested,
        )
        self.versions = SurveyVersionCheck(context, self.surveys, pipeline.record, now)
        count_lookup = self.metrics.count_caller_lookup
        self.access = Access(context, now, partial(in_use, self.tracker))
        persons = self.access.persons
        self.customers = CustomerLookup(context, pipeline.commit_customer, now, count_lookup, persons)
        self.scripts = AgiScripts(
            context, self.fast_agi, self.invitations, self.customers.script, pipeline.commit, now, on_stage
        )
        self.agent_api, self.follow_up_api = AgentApi(context, now), FollowUpApi(context, now, persons)
        self.pages = Pages(context, now, self.access)
        self.wallboard = WallboardPublisher(context, self.surveys, self.tracker, self.link)
        self.health = Health(self.link, pipeline, self.fast_agi.factory, self.losses, context.tasks)
        system = SystemReader(context, self.link, pipeline, self.health, self._addresses, lambda: self.jobs)
        on_opened, numbers = self.metrics.count_opened_follow_up, self.customers.numbers
        self.people_pages = PeoplePages(context, self.pages, numbers, now, system.state, on_opened)
        self.http = self._make_http(context)
        self.jobs = self._make_jobs(context, observed_until)
        self._subscribe()
        self._add_children(context)

    # -- start and stop

    def startService(self) -> None:
        """Open the HTTP and FastAGI ports, then start all services.

        Raises CannotListenError if a port is in use; no service has started then.
        """
        try:
            MultiService.privilegedStartService(self)
        except CannotListenError:
            self.http.stop()
            raise
        MultiService.startService(self)
        _log.info(
            "started: HTTP pages on {http}, FastAGI surveys on {agi}",
            http=self.http_address,
            agi=self.agi_address,
        )

    def stopService(self) -> Deferred[None]:
        """Stop all services in reverse order, then close the database connections."""
        self.pipeline.shutdown_started()
        return super().stopService().addBoth(lambda _: self._database.close())

    @property
    def http_address(self) -> str:
        """The address of the HTTP server as `host:port`."""
        return self.http.address

    @property
    def agi_address(self) -> str:
        """The address of the FastAGI server as `host:port`."""
        return self.fast_agi.address

    # -- inside

    def _addresses(self) -> dict[str, str]:
        """Return the addresses of the open ports by name."""
        ports = {"http": self.http, "agi": self.fast_agi}
        return {name: port.address for name, port in ports.items() if port.listens}

    def _make_http(self, context: Context) -> Http:
        api = {
            "customers": self.customers.resource,
            "agent": self.agent_api.resource,
            "follow-ups": self.follow_up_api.resource,
        }
        page = self.metrics.page
        return Http(context, page, self.health, self.wallboard, self.pages, self.access, **api)

    def _make_jobs(self, context: Context, observed_until: float | None) -> MultiService:
        now, pipeline = self.link.pbx_now, self.pipeline
        called_at = self.callbacks.plan.called_at if self.callbacks else {}
        history = self.invitations.history
        digests, files = DigestJob(context), FileCheckJob(context)
        deliveries = pipeline.webhooks.deliveries if pipeline.webhooks else None
        self.metrics.watch(
            self.tracker,
            self.link,
            pipeline.writer,
            self.fast_agi.factory,
            pipeline.forwarder,
            deliveries,
            digests,
            self.http.site,
            files,
        )
        jobs = MultiService()
        for job in (
            SurveyHistoryJob(context, history, called_at, self.versions.compare, now, pipeline.journal),
            TodayBackfillJob(context, self.wallboard.today, pipeline.in_journal_seconds),
            RetentionJob(context, pipeline.journal, now),
            RollupJob(context),
            FollowUpJob(
                context,
                self.customers.numbers.shared,
                pipeline.notify_follow_ups,
                pipeline.oldest_seconds,
                self.metrics.count_follow_ups,
                now,
                observed_until,
            ),
            digests,
            files,
        ):
            jobs.addService(job)
        return jobs

    def _subscribe(self) -> None:
        for consumer in (self.recorder, self.invitations, self.routing, self.wallboard):
            self.pipeline.subscribe(consumer.record_handlers)
        self.listener.on_snapshot(self.recorder.init_queues)

    def _add_children(self, context: Context) -> None:
        children = (
            self.surveys,  # first: a faulty survey must reject a reload before any other service changes
            self.http,
            self.access,
            self.pipeline,
            self.losses,
            self.recorder,
            self.versions,
            self.customers,
            self.agent_api,
            self.follow_up_api,
            self.pages,
            self.people_pages,
            self.wallboard,
            Ticks(context, self._ticks()),
            self.jobs,
            self.callbacks,
            self.listener,
            self.invitations,
            self.routing,
            self.scripts,
            self.fast_agi,
        )
        for child in filter(None, children):
            MultiService.addService(self, child)

    def _ticks(self) -> dict[str, Callable[[], None]]:
        """Return the functions that run once a second, by name. An error of one does not stop the others."""
        return {
            "call tracker": self.listener.tick,
            "survey callbacks": self._tick_callbacks,
            "record batches": self.pipeline.commit_batch,
            "lost records": self.losses.tick,
            "wallboard": self.wallboard.tick,
        }

    def _tick_callbacks(self) -> None:
        if self.callbacks and self.link.up:
            self.callbacks.tick()
