"""The health of the daemon: alive, for systemd and /healthz, and ready, for /readyz.

A PBX or a database that is away makes the daemon not ready, but never dead: a restart would cut surveys
short, so it is for what nothing else repairs.
"""

from cc_bridge.agi.server import FastAgiFactory
from cc_bridge.ami.service import AmiService
from cc_bridge.daemon.services.record_pipeline import RecordPipeline

__all__ = ["Health"]

# Batches are written every 200 ms; records that wait so long mean that the disk or the database is away.
_LATE_SECONDS = 30.0


class Health:
    """The checks of one daemon: each one's name, and why it fails or an empty text."""

    def __init__(self, link: AmiService, pipeline: RecordPipeline, agi: FastAgiFactory) -> None:
        self._link = link
        self._pipeline = pipeline
        self._agi = agi

    def alive(self) -> dict[str, str]:
        """Return whether each thread runs: only a restart repairs one that has ended."""
        writer, forwarder = self._pipeline.writer, self._pipeline.forwarder
        threads = {"writer": writer.alive, "forwarder": forwarder is None or forwarder.alive}
        return {name: "" if alive else f"the storage {name} has ended" for name, alive in threads.items()}

    def ready(self) -> dict[str, str]:
        """Return whether calls are observed, callers are served, and records come where they belong."""
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
    return f"records wait for {what} since {seconds:.0f} s" if seconds > _LATE_SECONDS else ""


def _foreign(script: str) -> str:
    return f"another program's AGI calls reach cc-bridge ({script})" if script else ""
