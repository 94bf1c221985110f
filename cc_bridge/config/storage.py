"""Sections [storage] and [retention]: database, journal, and the age at which data is deleted."""

from pathlib import Path

from pydantic import Field

from cc_bridge.config.fields import Section

__all__ = ["RetentionConfig", "StorageConfig"]


class StorageConfig(Section):
    """The database URL, the journal, and the largest sizes of the journal and of the queue in memory.

    The queue in memory has the records that are not yet written to disk.
    """

    url: str = Field(default="sqlite:////var/lib/cc-bridge/cc-bridge.sqlite", pattern=r"^[a-z0-9+]+://")
    max_queued_records: int = Field(default=100_000, ge=1000)
    journal_file: Path = Path("/var/lib/cc-bridge/journal.sqlite")
    journal_max_mb: int = Field(default=1024, ge=1)

    @property
    def on_server(self) -> bool:
        """True if the database is on a server (PostgreSQL, MariaDB); False for SQLite."""
        return not self.url.startswith("sqlite")


class RetentionConfig(Section):
    """Days after which each kind of data is deleted (0: never), and the hour of the nightly deletion."""

    calls_days: float = Field(default=0, ge=0, le=36500)
    ratings_days: float = Field(default=0, ge=0, le=36500)
    comments_days: float = Field(default=90, ge=0, le=36500)
    survey_decisions_days: float = Field(default=400, ge=0, le=36500)
    follow_ups_days: float = Field(default=400, ge=0, le=36500)
    hour: int = Field(default=3, ge=0, le=23)
