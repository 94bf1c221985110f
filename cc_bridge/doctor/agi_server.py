"""Check of the address in CCB_AGI: does this daemon answer there.

CCB_AGI is the global variable of Asterisk with the address of the daemon's FastAGI server. The check sends a
FastAGI request with a nonce, which only a cc_bridge answers. The port alone proves nothing: FreePBX has its
own FastAGI server, and two daemons can run on one machine. If no program answers, for example because the
daemon is stopped, the address is compared with the section [agi] of the configuration.
"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from cc_bridge.agi.doctor_script import VARIABLE, pbx_in
from cc_bridge.config import Config
from cc_bridge.daemon.process.port_holder import FREEPBX_PORT, PortHolder, port_holder
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.errors import ConfigError
from cc_bridge.web.access.token_auth import is_loopback

__all__ = ["AgiAnswer", "ask", "check", "check_secret"]

_NAME = "dialplan.CCB_AGI"
_SECRET_NAME = "dialplan.CCB_AGI_SECRET"  # noqa: S105 - the name of a check
_DEFAULT = "127.0.0.1:14573"  # the default in extensions_cc_bridge.conf
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound
_SECONDS = 3.0
_MOST_BYTES = 4096
_ANSWER = re.compile(rf'SET VARIABLE "{VARIABLE}" "([^"\n]*)"\n')


@dataclass(frozen=True, slots=True)
class AgiAnswer:
    """The answer of a FastAGI server to a request with a nonce."""

    pbx: str | None  # name of the PBX whose cc_bridge answers; None if no cc_bridge answers
    silent: bool = False  # the server sent nothing


def ask(host: str, port: int, secret: str = "") -> AgiAnswer:
    """Send a FastAGI request with a nonce, and return the answer.

    `secret` is the secret that the daemon expects, empty if it expects none. Raises OSError if no program
    listens at the address, or if the name of the host is unknown.
    """
    nonce = token_hex(16)
    head = {
        "network": "yes",
        "network_script": f"doctor?secret={secret}" if secret else "doctor",
        "request": f"agi://{host}:{port}/doctor",
        "channel": "cc-bridge-doctor",
        "uniqueid": "cc-bridge-doctor",
        "arg_1": nonce,
    }
    lines = "".join(f"agi_{name}: {value}\n" for name, value in head.items())
    with socket.create_connection((host, port), _SECONDS) as connection:
        received = b""
        try:
            connection.sendall(f"{lines}\n".encode())
            while b"\n" not in received and len(received) < _MOST_BYTES:
                if not (more := connection.recv(_MOST_BYTES)):
                    break
                received += more
            connection.sendall(b"200 result=1\n")
        except OSError:  # too late, or the server has closed the connection
            pass
    found = _ANSWER.match(received.decode("utf-8", "replace"))
    return AgiAnswer(pbx_in(found[1], nonce) if found else None, silent=not received)


def check(
    config: Config,
    ccb_agi: str | None,
    ask_server: Callable[[str, int], AgiAnswer] | None = None,
    holder_of: Callable[[int], PortHolder | None] = port_holder,
) -> Iterator[CheckResult]:
    """Check whether the dialplan variable CCB_AGI has the address of this daemon, and yield the result.

    `ccb_agi` is the variable's value on the PBX. It is empty if the variable is not set, and None if the
    manager user cannot see it.
    """
    if not config.survey.enabled:
        return
    if ccb_agi is None:
        yield skip(_NAME, "not visible to this manager user", "check: asterisk -rx 'dialplan show globals'")
        return
    address = ccb_agi or _DEFAULT
    host, port = _split(address)
    seen = f"{address}{'' if ccb_agi else ' (the default, since it is not set)'}"
    if is_loopback(host) and not is_loopback(config.ami.host):
        # Loopback is then another machine, the PBX.
        yield fail(_NAME, f"{seen} is the PBX itself, but cc_bridge runs on another machine", _advice(config))
        return
    try:
        ask_there = ask_server or partial(ask, secret=_expected_secret(config))
        answer = ask_there(host.strip("[]"), port)
    except OSError:
        yield _compared(config, seen, host, port)
        return
    yield _answered(config, seen, answer, holder_of(port) if is_loopback(host) else None)


def check_secret(config: Config, sent: str | None) -> Iterator[CheckResult]:
    """Check whether the dialplan sends the secret that the daemon expects, and yield the result.

    `sent` is the dialplan's variable CCB_AGI_SECRET. It is empty if the variable is not set, and None if the
    manager user cannot see it. No result contains a secret.

    Yield nothing if surveys are disabled. Yield nothing either if no secret is set and the FastAGI server
    listens on a loopback address, which needs none.
    """
    if not config.survey.enabled:
        return
    expected = _expected_secret(config)
    globals_file = "[globals] of extensions.conf (FreePBX: globals_custom.conf)"
    set_it = f"set CCB_AGI_SECRET to agi.secret in {globals_file}, then: asterisk -rx 'dialplan reload'"
    if expected and sent is None:
        yield skip(_SECRET_NAME, "not visible to this manager user", f"check it: {set_it}")
    elif expected and sent == expected:
        yield ok(_SECRET_NAME, "the secret of agi.secret")
    elif expected:
        state = "another secret than agi.secret" if sent else "not set, but agi.secret is"
        yield fail(_SECRET_NAME, f"{state}: every FastAGI request is rejected", set_it)
    elif sent:
        yield warn(
            _SECRET_NAME,
            "set, but agi.secret is not: requests without the secret are answered too",
            "set agi.secret or agi.secret_file to the same value, then restart cc-bridge",
        )
    elif not is_loopback(config.agi.host):
        yield warn(
            _SECRET_NAME,
            f"no secret: a program that reaches {config.agi.host}:{config.agi.port} can rate agents",
            f"set agi.secret_file (openssl rand -hex 32), restart cc-bridge, and {set_it}",
        )


def _expected_secret(config: Config) -> str:
    """Return the secret of agi.secret; empty if it cannot be read, which another check reports."""
    try:
        return config.agi.request_secret()
    except ConfigError:
        return ""


def _answered(config: Config, seen: str, answer: AgiAnswer, holder: PortHolder | None) -> CheckResult:
    """Return the result for an address at which a server answered.

    `seen` is the value of CCB_AGI for the result's text. `holder` is the program that listens on the port of
    this machine; None if it is unknown.
    """
    if answer.pbx == config.pbx.name:
        return ok(_NAME, f"{seen}: this daemon answers")
    if answer.pbx is not None:
        return fail(_NAME, f"{seen}: the cc_bridge of another PBX answers, {answer.pbx!r}", _advice(config))
    if answer.silent and holder is not None and holder.is_cc_bridge:
        return warn(
            _NAME,
            f"{seen}: {holder} answers, but does not identify itself",
            "run systemctl restart cc-bridge if it was upgraded; otherwise it serves agi.max_callers calls",
        )
    return fail(_NAME, f"{seen}: {holder or 'another program'} answers, not cc_bridge", _advice(config))


def _compared(config: Config, seen: str, host: str, port: int) -> CheckResult:
    """Return the result for the address `host`:`port` of the dialplan, at which no server answered.

    The result says whether the configuration has this address in its section [agi]. `seen` is the value of
    the dialplan's variable CCB_AGI, for the text of the result.
    """
    ours = f"{config.agi.host}:{config.agi.port}"
    advice = _advice(config)
    if port != config.agi.port:
        foreign = f"; {port} is the port of FreePBX's own FastAGI server" if port == FREEPBX_PORT else ""
        return fail(_NAME, f"{seen}, but cc_bridge listens on {ours}{foreign}", advice)
    if is_loopback(config.agi.host) and not is_loopback(host):
        return fail(_NAME, f"{seen}, but cc_bridge listens on {ours} only", advice)
    if config.agi.host not in _EVERYWHERE and not is_loopback(host) and host.strip("[]") != config.agi.host:
        return warn(_NAME, f"{seen}, but cc_bridge listens on {ours}: the addresses may differ", advice)
    return ok(_NAME, f"{seen}, as in [agi]; no program answers there now")


def _split(address: str) -> tuple[str, int]:
    """Return the host and the port of `address`; without a port, Asterisk's default FastAGI port 4573."""
    host, colon, port = address.rpartition(":")
    return (host, int(port)) if colon and port.isdecimal() else (address, FREEPBX_PORT)


def _advice(config: Config) -> str:
    host = "ADDRESS-OF-THIS-MACHINE" if config.agi.host in _EVERYWHERE else config.agi.host
    reached_at = f"[{host}]:{config.agi.port}" if ":" in host else f"{host}:{config.agi.port}"
    return (
        f"set CCB_AGI={reached_at} in [globals] of extensions.conf (FreePBX: globals_custom.conf), then:"
        " asterisk -rx 'dialplan reload'; or change [agi] and restart cc-bridge"
    )
