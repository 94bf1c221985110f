"""Checks of the daemon on this machine: is it running and ready, and does it own the FastAGI port.

The checks block. They read /proc/net to see whether a program listens on the FastAGI port. They open no test
connection, because the daemon would count it as a FastAGI request with a bad header. They do not bind the
port either, because this could prevent a starting daemon from listening.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.config import Config, HttpConfig
from cc_bridge.daemon.process.port_holder import FREEPBX_PORT, is_listening, port_holder
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.setup.pbx_kind import PbxKind, pbx_kind
from cc_bridge.web.access.token_auth import is_loopback
from cc_bridge.web.own_client import read_page

__all__ = ["check", "runs"]

_SECONDS = 3.0
_OTHER_PORT = "set agi.port = 14573 and the same port in CCB_AGI, then restart cc-bridge"
# AGI scripts in the dialplan that FreePBX writes.
_FREEPBX_SCRIPTS = (
    "dialparties.agi",
    "queue_devstate.agi",
    "recordings.agi",
    "user_login_out.agi",
    "parkfetch.agi",
)


def check(config: Config) -> Iterator[CheckResult]:
    """Yield the results for the daemon's readiness, metrics, HTTP access and FastAGI port."""
    http = config.http
    try:
        status, page = _get(http, "/readyz")
    except (OSError, HTTPException) as error:
        running = False
        if holder := port_holder(http.port):
            yield fail(
                "daemon",
                f"{http.host}:{http.port}: {error}; the listener is {holder}",
                "run systemctl status cc-bridge; if another program has the port, set another http.port",
            )
        else:
            yield skip(
                "daemon", "not running on this machine", "systemctl start cc-bridge, then run doctor again"
            )
    else:
        running = True
        yield from _ready(status, page)
        yield _metrics(http)
    with_users = bool(config.users or http.user_header)
    yield _exposed(http, protected=with_users or bool(http.token.get_secret_value() or http.token_file))
    yield _survey_port(config.agi.port, running=running)


def runs(http: HttpConfig) -> bool:
    """Return whether a daemon on this machine answers HTTP requests."""
    try:
        _get(http, "/healthz")
    except (OSError, HTTPException):
        return False
    return True


def _ready(status: int, page: str) -> Iterator[CheckResult]:
    """Yield the result of the check that the daemon is ready to work.

    `status` and `page` are the HTTP status and the body of the response from /readyz.
    """
    try:
        checks = json.loads(page)["checks"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        yield fail(
            "daemon",
            "another program answers on http.port",
            "set another http.port, then restart cc-bridge",
        )
        return
    faults = [f"{name}: {why}" for name, why in checks if why != "ok"]
    seen = f"running but not ready: {'; '.join(faults)}"
    if status == HTTPStatus.OK and not faults:
        yield ok("daemon", "running and ready")
    elif any(script in seen for script in _FREEPBX_SCRIPTS):
        yield fail(
            "daemon",
            f"{seen}; these are calls for FreePBX's own FastAGI server core-fastagi",
            f"{_OTHER_PORT}; then restart FreePBX's core-fastagi",
        )
    else:
        yield fail("daemon", seen, "see journalctl -u cc-bridge -p warning")


def _metrics(http: HttpConfig) -> CheckResult:
    """Return the result of the check that Prometheus can parse the page /metrics of the daemon."""
    name = "daemon.metrics"
    try:
        status, page = _get(http, "/metrics")
        names = [family.name for family in text_string_to_metric_families(page)]
    except (OSError, HTTPException, ValueError) as error:
        return fail(name, f"/metrics: {error}", "see journalctl -u cc-bridge -p warning")
    ours = sum(each.startswith("cc_bridge_") for each in names)
    if status != HTTPStatus.OK or not ours:
        return fail(
            name,
            f"/metrics: HTTP status {status}, {ours} cc_bridge metrics",
            "see journalctl -u cc-bridge -p warning",
        )
    return ok(name, f"{ours} metrics can be read by Prometheus")


def _exposed(http: HttpConfig, *, protected: bool) -> CheckResult:
    """Return the result of the check of who can reach the daemon's HTTP pages.

    `protected` is True if an access token or users are configured. The result is a warning if other machines
    can reach the HTTP server and neither is configured.
    """
    name = "http.access"
    if is_loopback(http.host):
        return ok(name, f"reachable from this machine only ({http.host})")
    if not protected:
        return warn(
            name,
            f"{http.host} is reachable from other machines, but there is no token: the wallboard is blocked",
            "openssl rand -hex 32 > /etc/cc-bridge/http-token, set http.token_file; or http.host = 127.0.0.1",
        )
    open_page = "" if http.metrics_need_token else "; /metrics is open: allow only Prometheus in the firewall"
    return ok(name, f"{http.host}, protected by a token or users{open_page}")


def _survey_port(port: int, *, running: bool) -> CheckResult:
    """Return the result of the check of which program listens on the FastAGI port.

    If the daemon runs, it must listen on the port. Otherwise no program may listen on it.
    """
    name = "agi.port"
    listens = is_listening(port)
    if listens is None:
        return skip(name, "this system has no /proc/net/tcp", f"check by hand: ss -ltn 'sport = {port}'")
    holder = port_holder(port) if listens else None
    if running and not listens:
        return fail(
            name,
            f"the daemon does not listen on {port}",
            "systemctl restart cc-bridge, since [agi] was changed",
        )
    if holder is not None and (not running or holder.is_freepbx):
        return fail(
            name,
            f"another program listens on {port}: {holder}",
            f"{_OTHER_PORT}; or stop that program if it is not needed",
        )
    if port == FREEPBX_PORT and pbx_kind() is PbxKind.FREEPBX:
        return fail(
            name,
            f"{port} is the port of FreePBX's FastAGI server core-fastagi, whose calls now reach cc_bridge",
            f"{_OTHER_PORT}; then restart FreePBX's core-fastagi",
        )
    seen = f"{port}, used by the daemon" if listens else f"{port} is free for the daemon"
    theirs = port_holder(FREEPBX_PORT)
    return ok(name, f"{seen}; {FREEPBX_PORT} belongs to {theirs}" if theirs and theirs.is_freepbx else seen)


def _get(http: HttpConfig, path: str) -> tuple[int, str]:
    """Return status and body of a GET request to the daemon. Raises OSError or HTTPException."""
    token = http.access_token() if http.metrics_need_token else ""
    return read_page(http.host, http.port, path, tls=http.has_tls, token=token, seconds=_SECONDS)
