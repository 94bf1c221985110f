"""The state of the daemon for the page /system, read from the objects that /readyz and /metrics read too."""

from collections.abc import Callable, Iterable, Iterator

from cc_bridge import __version__
from cc_bridge.ami.service import AmiService
from cc_bridge.daemon.jobs.digests import DigestJob
from cc_bridge.daemon.jobs.file_check import FileCheckJob
from cc_bridge.daemon.jobs.follow_ups import FollowUpJob
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.jobs.retention import RetentionJob
from cc_bridge.daemon.jobs.rollups import RollupJob
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob
from cc_bridge.daemon.jobs.today_backfill import TodayBackfillJob
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.health import Health
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.storage.engine import shown_url
from cc_bridge.web.pages.system import SystemFact, SystemState

__all__ = ["SystemReader"]

_MB = 1024**2
# The names of the jobs' texts on the page.
_JOBS: dict[type, str] = {
    SurveyHistoryJob: "job_survey_history",
    TodayBackfillJob: "job_today_backfill",
    RetentionJob: "job_retention",
    RollupJob: "job_rollup",
    FollowUpJob: "job_follow_up",
    DigestJob: "job_digest",
    FileCheckJob: "job_file_check",
}


class SystemReader:
    """A reader of the daemon's state.

    `addresses` returns the addresses of the daemon's ports by name. `jobs` returns the periodic jobs.
    """

    def __init__(
        self,
        context: Context,
        link: AmiService,
        pipeline: RecordPipeline,
        health: Health,
        addresses: Callable[[], dict[str, str]],
        jobs: Callable[[], Iterable[object]],
    ) -> None:
        self._config = context.config
        self._engine = context.database.engine
        self._started_at = context.now()
        self._now = context.now
        self._link = link
        self._pipeline = pipeline
        self._health = health
        self._addresses = addresses
        self._jobs = jobs

    def state(self) -> SystemState:
        """Return the present state."""
        return SystemState(
            {**self._health.ready(), **self._health.alive()},
            {
                "daemon": tuple(self._daemon()),
                "link": tuple(self._of_link()),
                "storage": tuple(self._storage()),
                "jobs": tuple(self._of_jobs()),
            },
        )

    def _daemon(self) -> Iterator[SystemFact]:
        yield SystemFact("version", __version__)
        yield SystemFact("started_at", self._started_at, "instant")
        yield SystemFact("running", self._now() - self._started_at, "seconds")
        for name, where in self._addresses().items():
            yield SystemFact(f"address_{name}", where)

    def _of_link(self) -> Iterator[SystemFact]:
        link, ami = self._link, self._config.ami
        yield SystemFact("pbx_name", self._config.pbx.name)
        yield SystemFact("pbx_address", f"{ami.host}:{ami.port}")
        yield SystemFact("observed", "yes" if link.up else "no", "word")
        yield SystemFact("logins", link.logins, "count")
        yield SystemFact("last_event", link.last_event_at, "instant")
        yield SystemFact("pbx_started", link.started_at, "instant")
        yield SystemFact("clock_ahead", link.clock_offset, "seconds")

    def _storage(self) -> Iterator[SystemFact]:
        writer, journal = self._pipeline.writer, self._pipeline.journal
        yield SystemFact("database", shown_url(self._engine))
        yield SystemFact("written", sum(writer.written.values()), "count")
        yield SystemFact("waiting", writer.backlog, "count")
        yield SystemFact("waiting_mb", writer.backlog_bytes / _MB, "megabytes")
        yield SystemFact("oldest", self._pipeline.oldest_seconds(), "seconds")
        yield SystemFact("lost", sum(writer.lost.values()), "count")
        yield SystemFact("rejected", writer.rejected, "count")
        if journal is not None:
            yield SystemFact("journal_waiting", journal.pending, "count")
            yield SystemFact("journal_mb", journal.size / _MB, "megabytes")
            yield SystemFact("journal_limit_mb", journal.limit / _MB, "megabytes")

    def _of_jobs(self) -> Iterator[SystemFact]:
        for job in self._jobs():
            name = _JOBS.get(type(job))
            if name and isinstance(job, PeriodicJob):
                if job.is_failing:
                    yield SystemFact(name, "failing", "word")
                else:
                    yield SystemFact(name, job.succeeded_at, "instant")
