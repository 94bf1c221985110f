"""The health of the daemon: liveness for systemd and /healthz, readiness for /readyz.

An unreachable PBX or database makes the daemon not ready, but not dead. A dead daemon is restarted, and a
restart interrupts surveys in progress. So only faults that nothing but a restart repairs count as dead.
"""

from cc_bridge.agi.server import FastAgiFactory
from cc_bridge.ami.service import AmiService
from cc_bridge.daemon.services.record_pipeline import RecordPipeline

__all__ = ["Health"]

# A record that waits longer than this shows that the disk or database is failing: batches are written every
# 200 ms.
_LATE_SECONDS = 30.0


class Health:
    """The health checks of one daemon: check names, each with the reason of a failure or an empty text."""

    def __init__(self, link: AmiService, pipeline: RecordPipeline, agi: FastAgiFactory) -> None:
        self._link = link
        self._pipeline = pipeline
        self._agi = agi

    def alive(self) -> dict[str, str]:
        """Return the liveness checks: whether the writer and forwarder threads run.

        Only a restart repairs a thread that has ended.
        """
        writer, forwarder = self._pipeline.writer, self._pipeline.forwarder
        threads = {"writer": writer.alive, "forwarder": forwarder is None or forwarder.alive}
        return {name: "" if alive else f"the storage {name} has ended" for name, alive in threads.items()}

    def ready(self) -> dict[str, str]:
        """Return the readiness checks: whether calls are observed, surveys served and records stored."""
        late = _late("the disk", self._pipeline.writer.oldest_seconds)
        ready = {
            "ami": "" if self._link.up else self._link.down_reason,
            "storage": self.alive()["writer"] or late,
            "surveys": "stopping" if self._agi.stopping else "",
            "agi": _foreign(self._agi.foreign.recent_script),
        }
        if journal := self._pipeline.journal:
            ready["database"] = _late("the database", journal.oldest_seconds)
            ready["journal"] = "full, only ratings are kept" if journal.full else ""
        return ready


def _late(what: str, seconds: float) -> str:
    """Return a fault text if the oldest record has been waiting too long for the disk or database `what`."""
    return f"records have been waiting for {what} for {seconds:.0f} s" if seconds > _LATE_SECONDS else ""


def _foreign(script: str) -> str:
    """Return a fault text if another program's AGI script was requested from the daemon recently."""
    return f"another program's AGI calls reach cc-bridge ({script})" if script else ""
