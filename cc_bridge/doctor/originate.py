"""Checks of the manager user of callbacks: its privileges, and the test call of `cc-bridge doctor --call`.

The test call goes to `Local/s@cc-bridge-doctor/n`, so no phone rings. The dialplan context cc-bridge-doctor
runs the daemon's FastAGI script `doctor` and reports the result as a UserEvent. The call proves that the PBX
reaches the daemon, and that the daemon's manager user receives events.
"""

from secrets import token_hex
from typing import Any

from twisted.internet.endpoints import connectProtocol

from cc_bridge.agi.doctor_script import pbx_in
from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.ami.originate import CHANNEL_ID
from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import DOCTOR_CONTEXT, DOCTOR_EVENT, ManagerSession, privileges
from cc_bridge.errors import CcBridgeError

__all__ = ["check_privileges", "place_test_call"]

# Asterisk waits 2 s for each address of a FastAGI server, and the dialplan 5 s for all of them.
_CALL_SECONDS = 8.0
_USER_FILE = "config/asterisk/manager.d/cc_bridge_callback.conf"


async def check_privileges(config: Config, reactor: Any, seconds: float) -> CheckResult:
    """Check that the manager user of callbacks may use Originate and no other action; return the result.

    `seconds` is the time limit of each AMI action.
    """
    name = "callback.privileges"
    if not config.callback.enabled:
        return skip(name, "callback.enabled is false: no caller is called back", "nothing to do")
    session = ManagerSession(reactor, seconds)
    try:
        await _log_in(session, config, reactor)
        actions = privileges(await session.ask("ListCommands") or {})
    except CcBridgeError as error:
        return _login_failed(name, config, error)
    finally:
        session.client.close("the checks are done")
    if "Originate" not in actions:
        return fail(
            name,
            "may not use Originate",
            f"set write = originate, as in {_USER_FILE}, then: asterisk -rx 'manager reload'",
        )
    beyond = sorted(action for action, of in actions.items() if of and "originate" not in of)
    if beyond:
        return warn(
            name,
            f"more privileges than needed: {', '.join(beyond[:3])} ({len(beyond)} actions)",
            f"set write = originate, no other class, as in {_USER_FILE}, then: asterisk -rx 'manager reload'",
        )
    return ok(name, f"{config.callback.username} may use Originate")


async def place_test_call(
    config: Config, listening: ManagerSession, reactor: Any, seconds: float
) -> CheckResult:
    """Make the PBX place a test call that runs a FastAGI script of the daemon, and return the result.

    `listening` is a session of the daemon's manager user, which receives the result as an event. `seconds` is
    the time limit of each AMI action. Raises AmiError if the session `listening` ends.
    """
    name = "agi.call"
    if not config.callback.enabled:
        return skip(
            name,
            "callback.enabled is false: no manager user may dial",
            "call a queue and let the agent hang up: the survey must start",
        )
    session = ManagerSession(reactor, seconds)
    channel, nonce = CHANNEL_ID + token_hex(8), token_hex(16)
    try:
        await _log_in(session, config, reactor)
    except CcBridgeError as error:
        session.client.close("the checks are done")
        return _login_failed(name, config, error)
    try:
        await session.client.action(
            "Originate",
            Channel=f"Local/s@{DOCTOR_CONTEXT}/n",
            ChannelId=channel,
            Context=DOCTOR_CONTEXT,
            Exten="s",
            Priority="1",
            Timeout=str(round(_CALL_SECONDS * 1000)),
            Variable=f"ccb_nonce={nonce}",
            Async="true",
        )
    except CcBridgeError as error:
        return fail(
            name,
            f"the PBX refuses the test call of {config.callback.username}: {error}",
            f"set write = originate, as in {_USER_FILE}, then: asterisk -rx 'manager reload'",
        )
    finally:
        session.client.close("the checks are done")
    event = await listening.heard(
        lambda event: event.name == "UserEvent" and event.headers["Uniqueid"].startswith(channel),
        _CALL_SECONDS,
    )
    if event is None:
        return fail(
            name,
            f"no UserEvent {DOCTOR_EVENT} arrived",
            "fix dialplan.contexts and ami.read (class user) first; `core set verbose 3` shows the call",
        )
    status = event.headers.get("AgiStatus", "")
    if status != "SUCCESS":
        return fail(
            name,
            f"the PBX does not reach the daemon: AGISTATUS is {status}",
            f"check that the daemon runs, dialplan.CCB_AGI, and the firewall for port {config.agi.port}",
        )
    answer = event.headers.get("Identity")
    if answer is None:
        return warn(
            name,
            "a call on the PBX was answered; the dialplan is too old to check that cc_bridge answered",
            "copy dialplans/extensions_cc_bridge.conf again, then: asterisk -rx 'dialplan reload'",
        )
    pbx = pbx_in(answer, nonce)
    if pbx is None:
        return fail(
            name,
            "a call on the PBX was answered by another program's FastAGI server, or its secret is wrong",
            "correct dialplan.CCB_AGI and dialplan.CCB_AGI_SECRET; if cc_bridge was upgraded, restart it",
        )
    if pbx != config.pbx.name:
        return fail(
            name,
            f"a call on the PBX was answered by the cc_bridge of another PBX, {pbx!r}",
            "correct dialplan.CCB_AGI, or pbx.name",
        )
    return ok(name, "a call on the PBX reached this daemon")


async def _log_in(session: ManagerSession, config: Config, reactor: Any) -> None:
    """Connect, and log in as the manager user of callbacks. Raises AmiError or ConfigError."""
    await connectProtocol(ami_endpoint(config.ami, reactor), session.client)
    await session.client.login(config.callback.username, config.callback.password())


def _login_failed(name: str, config: Config, error: CcBridgeError) -> CheckResult:
    """Return a failed result for the check `name`: the manager user of callbacks could not log in.

    `error` is the reason.
    """
    return fail(
        name,
        f"{config.callback.username}: {error}",
        f"install {_USER_FILE} with the secret of callback.secret_file, then: asterisk -rx 'manager reload'",
    )
