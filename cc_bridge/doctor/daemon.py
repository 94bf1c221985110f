"""The daemon on this machine: does it run, are its pages well, is the FastAGI port its own. Blocks.

The trap: to connect to the FastAGI port would be counted as a caller with a bad head, and to bind it could
keep a daemon that starts from its port. Linux tells who listens in /proc, which disturbs nobody.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.config import Config, HttpConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.web.auth import is_loopback

__all__ = ["findings", "runs"]

_SECONDS = 3.0
_LISTENS = "0A"  # TCP_LISTEN, as /proc writes it
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound


def findings(config: Config) -> Iterator[CheckResult]:
    http = config.http
    try:
        status, page = _get(http, "/readyz")
    except (OSError, HTTPException) as error:
        running = False
        if _listens(http.port):
            yield fail(
                "daemon",
                f"{http.host}:{http.port}: {error}",
                "systemctl status cc-bridge; is it another program?",
            )
        else:
            yield skip("daemon", "does not run here", "systemctl start cc-bridge, then ask again")
    else:
        running = True
        yield from _ready(status, page)
        yield _metrics(http)
    yield _exposed(http, with_token=bool(http.token.get_secret_value() or http.token_file))
    yield _survey_port(config.agi.port, running=running)


def runs(http: HttpConfig) -> bool:
    """Tell whether one answers on this machine."""
    try:
        _get(http, "/healthz")
    except (OSError, HTTPException):
        return False
    return True


def _ready(status: int, page: str) -> Iterator[CheckResult]:
    try:
        checks = json.loads(page)["checks"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        yield fail(
            "daemon",
            "what answers on http.port is not cc-bridge",
            "set another http.port, then restart cc-bridge",
        )
        return
    faults = [f"{name}: {why}" for name, why in checks if why != "ok"]
    if status == HTTPStatus.OK and not faults:
        yield ok("daemon", "runs and is ready")
    else:
        yield fail(
            "daemon", f"runs and is not ready: {'; '.join(faults)}", "journalctl -u cc-bridge -p warning"
        )


def _metrics(http: HttpConfig) -> CheckResult:
    name = "daemon.metrics"
    try:
        status, page = _get(http, "/metrics")
        names = [family.name for family in text_string_to_metric_families(page)]
    except (OSError, HTTPException, ValueError) as error:
        return fail(name, f"/metrics: {error}", "journalctl -u cc-bridge -p warning")
    ours = sum(each.startswith("cc_bridge_") for each in names)
    if status != HTTPStatus.OK or not ours:
        return fail(
            name, f"/metrics: {status}, {ours} metrics of cc_bridge", "journalctl -u cc-bridge -p warning"
        )
    return ok(name, f"{ours} metrics that Prometheus can read")


def _exposed(http: HttpConfig, *, with_token: bool) -> CheckResult:
    name = "http.access"
    if is_loopback(http.host):
        return ok(name, f"pages are for this machine ({http.host})")
    if not with_token:
        return warn(
            name,
            f"{http.host} can be reached by others, and there is no token: the wallboard is refused to them",
            "openssl rand -hex 32 > /etc/cc-bridge/http-token, and http.token_file; or http.host = 127.0.0.1",
        )
    return ok(name, f"{http.host}, with a token; /metrics needs none, so let only Prometheus reach it")


def _survey_port(port: int, *, running: bool) -> CheckResult:
    name = "agi.port"
    listens = _listens(port)
    if listens is None:
        return skip(name, "this system does not tell who listens", f"ss -ltn 'sport = {port}'")
    if running and not listens:
        return fail(
            name, f"the daemon does not listen on {port}", "systemctl restart cc-bridge: [agi] was changed"
        )
    if listens and not running:
        return fail(
            name,
            f"another program listens on {port}",
            f"ss -ltnp 'sport = {port}' names it; or set another agi.port",
        )
    return ok(name, f"{port}, the daemon's" if listens else f"{port} is free for the daemon")


def _listens(port: int) -> bool | None:
    """Tell whether any program of this machine listens on a port."""
    tables = [path for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    if not tables:
        return None
    rows = [line.split() for table in tables for line in table.read_text(encoding="ascii").splitlines()[1:]]
    return any(row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port for row in rows)


def _get(http: HttpConfig, path: str) -> tuple[int, str]:
    connection = HTTPConnection(_ANYWHERE.get(http.host, http.host), http.port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
