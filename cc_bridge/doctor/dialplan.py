"""Checks of the dialplan: are cc_bridge's contexts loaded, and does CCB_AGI lead to this daemon. Pure.

CCB_AGI is the global variable of Asterisk with the address of the daemon's FastAGI server.
"""

from collections.abc import Iterator

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import DOCTOR_CONTEXT, ManagerSnapshot
from cc_bridge.web.auth import is_loopback

__all__ = ["check"]

_DEFAULT = "127.0.0.1:14573"  # the default in extensions_cc_bridge.conf
# Asterisk's default port for agi://host/. FreePBX runs its own FastAGI server there.
_ASTERISK_PORT = "4573"
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound


def check(config: Config, snapshot: ManagerSnapshot) -> Iterator[CheckResult]:
    """Yield the results for cc_bridge's dialplan contexts and for the global variable CCB_AGI.

    CCB_AGI has the address of the daemon's FastAGI server.
    """
    if not config.survey.enabled:
        yield skip("dialplan", "survey.enabled is false: no caller is invited", "nothing to do")
        return
    yield _contexts(snapshot)
    yield _address(config, snapshot.agi_address)


def _contexts(snapshot: ManagerSnapshot) -> CheckResult:
    """Return the result of the check that all dialplan contexts of cc_bridge exist on the PBX."""
    name = "dialplan.contexts"
    missing = [context for context, there in snapshot.contexts.items() if there is False]
    if missing == [DOCTOR_CONTEXT]:
        return warn(
            name,
            "the dialplan is older than this cc-bridge: --call cannot be used",
            "copy dialplans/extensions_cc_bridge.conf again, then: asterisk -rx 'dialplan reload'",
        )
    if missing:
        return fail(
            name,
            f"missing: {', '.join(missing)}",
            "copy dialplans/extensions_cc_bridge.conf to /etc/asterisk/, #include it in extensions.conf"
            " (FreePBX: dialplans/freepbx/INSTALL.md), then: asterisk -rx 'dialplan reload'",
        )
    if None in snapshot.contexts.values():
        return skip(
            name, "not visible to this manager user", "check: asterisk -rx 'dialplan show cc-bridge-survey'"
        )
    return ok(name, ", ".join(snapshot.contexts))


def _address(config: Config, ccb_agi: str | None) -> CheckResult:
    """Return the result of the check that the global variable CCB_AGI has the address of this daemon.

    `ccb_agi` is the variable's value on the PBX. It is empty if the variable is not set, and None if the
    manager user cannot see it.
    """
    name = "dialplan.CCB_AGI"
    if ccb_agi is None:
        return skip(name, "not visible to this manager user", "check: asterisk -rx 'dialplan show globals'")
    address = ccb_agi or _DEFAULT
    host, port = _split(address)
    ours = f"{config.agi.host}:{config.agi.port}"
    seen = f"{address}{'' if ccb_agi else ' (the default, since it is not set)'}"
    here = is_loopback(config.ami.host)  # the PBX is on this machine, or behind a tunnel
    advice = (
        f"set CCB_AGI={_reached_at(config)} in [globals] of extensions.conf (FreePBX: globals_custom.conf),"
        " then: asterisk -rx 'dialplan reload'; or change [agi] and restart cc-bridge"
    )
    if port != str(config.agi.port):
        foreign = f"; {port} is FreePBX's own FastAGI server" if port == _ASTERISK_PORT else ""
        return fail(name, f"{seen}, but cc_bridge listens on {ours}{foreign}", advice)
    if is_loopback(host) and not here:
        return fail(name, f"{seen} is the PBX itself, but cc_bridge runs on another machine", advice)
    if is_loopback(config.agi.host) and not is_loopback(host):
        return fail(name, f"{seen}, but cc_bridge listens on {ours} only", advice)
    if config.agi.host not in _EVERYWHERE and not is_loopback(host) and host.strip("[]") != config.agi.host:
        return warn(name, f"{seen}, but cc_bridge listens on {ours}: the addresses may differ", advice)
    return ok(name, seen)


def _split(address: str) -> tuple[str, str]:
    """Return the host and the port of `address`; without a port, Asterisk's default FastAGI port 4573."""
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and port.isdigit() else (address, _ASTERISK_PORT)


def _reached_at(config: Config) -> str:
    """Return the value to set for the dialplan variable CCB_AGI: this daemon's FastAGI address."""
    host = "ADDRESS-OF-THIS-MACHINE" if config.agi.host in _EVERYWHERE else config.agi.host
    return f"[{host}]:{config.agi.port}" if ":" in host else f"{host}:{config.agi.port}"
