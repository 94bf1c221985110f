"""The health of the daemon: systemd and /healthz show whether it is alive, /readyz whether it is ready.

An unreachable PBX or database makes the daemon not ready, but not dead. A dead daemon is restarted, and a
restart interrupts surveys in progress. So a fault counts as dead only if a restart is the only way to repair
it.
"""

from collections.abc import Iterable

from cc_bridge.agi.server import FastAgiFactory
from cc_bridge.ami.service import AmiService
from cc_bridge.daemon.process.periodic_task import PeriodicTask
from cc_bridge.daemon.services.lost_records import LostRecords
from cc_bridge.daemon.services.record_pipeline import RecordPipeline

__all__ = ["Health"]

# A record that waits longer than this shows that the disk or database is failing: batches are written every
# 200 ms.
_LATE_SECONDS = 30.0


class Health:
    """The health checks of one daemon.

    `alive` and `ready` return a mapping from the name of each check to the reason why it failed. The reason
    is empty if the check passed.
    """

    def __init__(
        self,
        link: AmiService,
        pipeline: RecordPipeline,
        agi: FastAgiFactory,
        losses: LostRecords,
        tasks: Iterable[PeriodicTask] = (),
    ) -> None:
        self._link = link
        self._pipeline = pipeline
        self._agi = agi
        self._losses = losses
        self._tasks = tasks

    def alive(self) -> dict[str, str]:
        """Return the liveness checks: threads of the storage writer and the forwarder, and periodic tasks.

        The keys are the names of the checks. A value is the fault, empty if there is none. A thread that has
        ended, or a task that no longer runs, is a fault that only a restart of the daemon repairs.
        """
        writer, forwarder = self._pipeline.writer, self._pipeline.forwarder
        threads = {"writer": writer.alive, "forwarder": forwarder is None or forwarder.alive}
        alive = {name: "" if runs else f"the storage {name} has ended" for name, runs in threads.items()}
        faults = [fault for task in self._tasks if (fault := task.fault)]
        if self._pipeline.webhooks and (fault := self._pipeline.webhooks.deliveries.fault):
            faults.append(fault)
        return {**alive, "tasks": "; ".join(faults)}

    def ready(self) -> dict[str, str]:
        """Return the readiness checks: calls are observed, surveys are served, records are stored in time."""
        late = _late("the disk", self._pipeline.writer.oldest_seconds)
        ready = {
            "ami": "" if self._link.up else self._link.down_reason,
            "storage": self.alive()["writer"] or self._losses.fault or late,
            "surveys": "stopping" if self._agi.stopping else "",
            "agi": _foreign(self._agi.foreign.recent_script),
        }
        if journal := self._pipeline.journal:
            ready["database"] = _late("the database", journal.oldest_seconds)
            ready["journal"] = "full, only ratings are kept" if journal.full else ""
        return ready


def _late(what: str, seconds: float) -> str:
    """Return a fault text if the oldest record has been waiting for more than 30 s, otherwise an empty text.

    `what` is the place for which the record waits: the disk or the database. `seconds` is its waiting time.
    """
    return f"records have been waiting for {what} for {seconds:.0f} s" if seconds > _LATE_SECONDS else ""


def _foreign(script: str) -> str:
    """Return a fault text if the PBX recently requested an AGI script of another program from the daemon.

    `script` is the name of that script; if it is empty, the result is empty.
    """
    return f"another program's AGI calls reach cc-bridge ({script})" if script else ""
