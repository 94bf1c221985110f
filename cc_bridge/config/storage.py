"""Sections [storage] and [retention]: database, journal, and the age at which data is deleted."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cc_bridge.config.fields import Section, readable
from cc_bridge.errors import ConfigError, how_to_install
from cc_bridge.safe_text.redaction import has_address

__all__ = ["RetentionConfig", "StorageConfig"]

_DATABASES = "sqlite:////full/path.sqlite, postgresql://user@host/name or mysql+pymysql://user@host/name"
# Schemes that other programs use, each with the one of SQLAlchemy.
_OTHER_NAMES = {"postgres": "postgresql", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_SERVERS = {"postgresql", "mysql", "mariadb"}
# Packages of the drivers, each with the extra of cc-bridge that contains it.
_DRIVERS = {"postgresql": ("psycopg", "postgres"), "mysql+pymysql": ("pymysql", "mysql")}
_DRIVERS |= {"postgresql+psycopg": _DRIVERS["postgresql"], "mariadb+pymysql": _DRIVERS["mysql+pymysql"]}


def _check_url(url: str) -> None:
    """Raise ValueError for a database URL with an unsupported scheme, or a SQLite URL without a full path."""
    scheme, separator, rest = url.partition("://")
    database, _, _ = scheme.partition("+")
    if separator and scheme in _OTHER_NAMES:
        raise ValueError(f"must start with {_OTHER_NAMES[scheme]}:// instead of {scheme}://")
    if not separator or (database != "sqlite" and database not in _SERVERS):
        raise ValueError(f"must be {_DATABASES}")
    if database in _SERVERS and not has_address(url):
        raise ValueError(f"must be {_DATABASES}; in the password, write @ as %40")
    if database == "sqlite" and not re.match(r"/{2,}[^/?]", rest):
        # The daemon's current directory is not that of the administrator: under systemd it is /.
        raise ValueError(
            "must name the file by its full path, with four slashes: sqlite:////full/path.sqlite"
        )


class StorageConfig(Section):
    """The database URL, the journal, and the largest sizes of the journal and of the queue in memory.

    The queue in memory has the records that are not yet written to disk. If `max_queued_records` is 0, only
    its size in MB is limited, not the number of records.
    """

    url: Annotated[str, readable(_check_url), Field(repr=False)] = (
        "sqlite:////var/lib/cc-bridge/cc-bridge.sqlite"
    )
    max_queued_mb: int = Field(default=256, ge=1)
    max_queued_records: int = Field(default=0, ge=0)
    answer_timeout_seconds: float = Field(default=30, ge=1, le=3600)
    journal_file: Path = Path("/var/lib/cc-bridge/journal.sqlite")
    journal_max_mb: int = Field(default=1024, ge=1)

    @property
    def on_server(self) -> bool:
        """True if the database is on a server (PostgreSQL, MariaDB); False for SQLite."""
        return not self.url.startswith("sqlite")

    def check_driver(self) -> None:
        """Raise ConfigError if the package that connects to this kind of database is not installed."""
        package, extra = _DRIVERS.get(self.url.partition("://")[0], ("", ""))
        if package and not find_spec(package):
            raise ConfigError(f"storage.url: the driver {package} is not installed: {how_to_install(extra)}")


class RetentionConfig(Section):
    """Days after which each kind of data is deleted (0: never), and the hour of the nightly deletion."""

    calls_days: float = Field(default=0, ge=0, le=36500)
    ratings_days: float = Field(default=0, ge=0, le=36500)
    comments_days: float = Field(default=90, ge=0, le=36500)
    survey_decisions_days: float = Field(default=400, ge=0, le=36500)
    follow_ups_days: float = Field(default=400, ge=0, le=36500)
    hour: int = Field(default=3, ge=0, le=23)
