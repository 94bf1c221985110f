"""The largest numbers of connections, by the limit of open files: callers must always be accepted.

Each connection is an open file. If the limit of open files is reached, a server can accept nothing. The
callers and the daemon's own files come first. HTTP connections get the rest, and so do FastAGI connections
that have not sent their request.
"""

import resource
from dataclasses import dataclass

from twisted.logger import Logger

from cc_bridge.config import Config

__all__ = ["ConnectionShares", "raise_limit", "shares"]

_log = Logger()

_OWN_FILES = 64  # database connections, logs, sockets of webhooks and mails, the reactor
_LEAST_HTTP, _LEAST_PENDING = 8, 32


@dataclass(frozen=True, slots=True)
class ConnectionShares:
    """The largest number of connections of each kind.

    http: HTTP connections
    pending: FastAGI connections whose header has not arrived yet
    """

    http: int
    pending: int


def raise_limit(config: Config) -> None:
    """Raise the soft limit of open files to the number that the configuration needs.

    If the hard limit is lower than that, raise the soft limit to the hard limit, and log a warning.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = (
        _OWN_FILES + config.agi.max_callers + config.agi.max_pending_connections + config.http.max_connections
    )
    possible = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if _is_below(soft, possible):
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible < needed:
        share = shares(config)
        _log.warn(
            "the limit of open files is {limit}, but {needed} are needed: at most {http} HTTP connections and"
            " {pending} FastAGI connections that have not sent their request are accepted; raise LimitNOFILE",
            limit=possible,
            needed=needed,
            http=share.http,
            pending=share.pending,
        )


def shares(config: Config, limit: int | None = None) -> ConnectionShares:
    """Return the largest numbers of connections for a limit of open files, by default that of this process.

    The daemon's own files and the callers come first. Then come 64 FastAGI connections that have not sent
    their request, and then HTTP connections. Files that HTTP does not need are for further FastAGI
    connections. Even if no file is left, 32 such FastAGI connections and 8 HTTP connections are allowed.
    """
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    most_http, most_pending = config.http.max_connections, config.agi.max_pending_connections
    if soft == resource.RLIM_INFINITY:
        return ConnectionShares(most_http, most_pending)
    left = soft - _OWN_FILES - config.agi.max_callers
    http = min(most_http, max(_LEAST_HTTP, left - 2 * _LEAST_PENDING))
    return ConnectionShares(http, min(most_pending, max(_LEAST_PENDING, left - http)))


def _is_below(soft: int, wanted: int) -> bool:
    return soft != resource.RLIM_INFINITY and soft < wanted
