"""The dialplan: is ours there, and does it lead to this daemon. No input or output."""

from collections.abc import Iterator

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import DOCTOR_CONTEXT, ManagerSnapshot
from cc_bridge.web.auth import is_loopback

__all__ = ["findings"]

_DEFAULT = "127.0.0.1:14573"  # of extensions_cc_bridge.conf
# Asterisk's default in agi://host/, and FreePBX's own FastAGI server: never a default of cc_bridge.
_ASTERISK_PORT = "4573"
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound


def findings(config: Config, look: ManagerSnapshot) -> Iterator[CheckResult]:
    if not config.survey.enabled:
        yield skip("dialplan", "survey.enabled is false: nobody is asked", "nothing to do")
        return
    yield _contexts(look)
    yield _address(config, look.agi_address)


def _contexts(look: ManagerSnapshot) -> CheckResult:
    name = "dialplan.contexts"
    missing = [context for context, there in look.contexts.items() if there is False]
    if missing == [DOCTOR_CONTEXT]:
        return warn(
            name,
            "the dialplan is older than this cc-bridge: --call has nowhere to go",
            "copy dialplans/extensions_cc_bridge.conf again, then: asterisk -rx 'dialplan reload'",
        )
    if missing:
        return fail(
            name,
            f"not there: {', '.join(missing)}",
            "copy dialplans/extensions_cc_bridge.conf to /etc/asterisk/, #include it in extensions.conf"
            " (FreePBX: dialplans/freepbx/INSTALL.md), then: asterisk -rx 'dialplan reload'",
        )
    if None in look.contexts.values():
        return skip(name, "not told to this user", "asterisk -rx 'dialplan show cc-bridge-survey'")
    return ok(name, ", ".join(look.contexts))


def _address(config: Config, told: str | None) -> CheckResult:
    name = "dialplan.CCB_AGI"
    if told is None:
        return skip(name, "not told to this user", "asterisk -rx 'dialplan show globals'")
    address = told or _DEFAULT
    host, port = _split(address)
    ours = f"{config.agi.host}:{config.agi.port}"
    seen = f"{address}{'' if told else ' (not set, so the default)'}"
    here = is_loopback(config.ami.host)  # the PBX is this machine, or looks like it
    advice = (
        f"CCB_AGI={_reached_at(config)} in [globals] of extensions.conf (FreePBX: globals_custom.conf), then:"
        " asterisk -rx 'dialplan reload'; or change [agi] and restart cc-bridge"
    )
    if port != str(config.agi.port):
        foreign = f"; {port} is FreePBX's own FastAGI server" if port == _ASTERISK_PORT else ""
        return fail(name, f"{seen}, but cc_bridge listens on {ours}{foreign}", advice)
    if is_loopback(host) and not here:
        return fail(name, f"{seen} is the PBX itself, and cc_bridge is another machine", advice)
    if is_loopback(config.agi.host) and not is_loopback(host):
        return fail(name, f"{seen}, but cc_bridge listens on {ours} alone", advice)
    if config.agi.host not in _EVERYWHERE and not is_loopback(host) and host.strip("[]") != config.agi.host:
        return warn(name, f"{seen}, and cc_bridge listens on {ours}: is it the same?", advice)
    return ok(name, seen)


def _split(address: str) -> tuple[str, str]:
    """Return host and port of an address; without a port it is the one that Asterisk takes."""
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and port.isdigit() else (address, _ASTERISK_PORT)


def _reached_at(config: Config) -> str:
    host = "ADDRESS-OF-THIS-MACHINE" if config.agi.host in _EVERYWHERE else config.agi.host
    return f"[{host}]:{config.agi.port}" if ":" in host else f"{host}:{config.agi.port}"
