"""Digests of generated weeks for tests: the owners of queues, and a daemon's configuration for digests."""

from datetime import datetime

from cc_bridge.config import Config
from cc_bridge.storage.migrate import open_database
from support.mail_server import PASSWORD, USER
from support.year_of_calls import ZONE, fill, records

__all__ = ["MONDAY", "OWNERS", "configured", "filled"]

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=ZONE).timestamp()  # the records contain the whole week before
QUEUES = {"sales": {"owner": "sara"}, "support": {"owner": "ali"}, "second": {"owner": "sara"}}
OWNERS = {"sara": "sara@example.com", "ali": "ali@example.com"}


def filled(url, newest=0):
    """Return an engine of a database that holds all generated records, or the `newest` of them if not 0."""
    engine = open_database(url)
    fill(engine, list(records())[-newest:])
    return engine


def configured(url, server=None, *, reports=None, queues=None, **digest):
    """Return the configuration of a daemon that sends digests through the mail server `server`."""
    known = {
        "enabled": True,
        "recipients": ["board@example.com"],
        "owner_addresses": OWNERS,
        "sender": "bridge@example.com",
    }
    if server is None:
        known["smtp_host"] = "localhost"
    else:
        known |= {
            "smtp_host": "localhost", "smtp_port": server.port, "tls": server.tls,
            "tls_ca_file": server.ca_file, "username": USER, "password": PASSWORD,
            "response_timeout_seconds": 10,
        }  # fmt: skip
    return Config(
        storage={"url": url},
        general={"time_zone": str(ZONE)},
        reports=reports or {},
        queues=QUEUES if queues is None else queues,
        digest=known | digest,
    )
