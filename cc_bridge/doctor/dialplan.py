"""Check of the dialplan: are cc_bridge's contexts loaded. Pure."""

from collections.abc import Iterator

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import DOCTOR_CONTEXT, ManagerSnapshot

__all__ = ["check"]


def check(config: Config, snapshot: ManagerSnapshot) -> Iterator[CheckResult]:
    """Yield the result for cc_bridge's dialplan contexts."""
    if not config.survey.enabled:
        yield skip("dialplan", "survey.enabled is false: no caller is invited", "nothing to do")
        return
    yield _contexts(snapshot)


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
        include = (
            '#include "extensions_cc_bridge_freepbx.conf" in extensions_custom.conf'
            if snapshot.freepbx
            else "#include it in extensions.conf"
        )
        return fail(
            name,
            f"missing: {', '.join(missing)}",
            f"copy dialplans/extensions_cc_bridge.conf to /etc/asterisk/, {include}, then: asterisk -rx"
            " 'dialplan reload'",
        )
    if None in snapshot.contexts.values():
        return skip(
            name, "not visible to this manager user", "check: asterisk -rx 'dialplan show cc-bridge-survey'"
        )
    return ok(name, ", ".join(snapshot.contexts))
