"""The manager user of the call-backs: may it dial, and the test call of `--call` that it makes.

The call goes to `Local/s@cc-bridge-doctor/n`; nobody's phone rings. That context asks the daemon for the
FastAGI script `doctor`, which answers at once, and tells by UserEvent what came of it. So the call proves
that the PBX reaches the daemon, and that its events come through to the daemon's own user.
"""

from secrets import token_hex
from typing import Any

from twisted.internet.endpoints import connectProtocol

from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.ami.originate import CHANNEL_ID
from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import DOCTOR_CONTEXT, DOCTOR_EVENT, ManagerSession, privileges
from cc_bridge.errors import CcBridgeError

__all__ = ["call", "dialling"]

_CALL_SECONDS = 8.0  # Asterisk gives a FastAGI server 2 s for each of its addresses, the dialplan 5 s for all
_USER_FILE = "config/asterisk/manager.d/cc_bridge_callback.conf"


async def dialling(config: Config, reactor: Any, seconds: float) -> CheckResult:
    """Judge the user's rights."""
    name = "callback.privileges"
    if not config.callback.enabled:
        return skip(name, "callback.enabled is false: nobody is called back", "nothing to do")
    session = ManagerSession(reactor, seconds)
    try:
        await _log_in(session, config, reactor)
        actions = privileges(await session.ask("ListCommands") or {})
    except CcBridgeError as error:
        return _not_in(name, config, error)
    finally:
        session.client.close("all is asked")
    if "Originate" not in actions:
        return fail(
            name, "may not Originate", f"write = originate, as in {_USER_FILE}; then 'manager reload'"
        )
    beyond = sorted(action for action, of in actions.items() if of and "originate" not in of)
    if beyond:
        return warn(
            name,
            f"may do more than dial: {', '.join(beyond[:3])} ({len(beyond)} actions)",
            f"write = originate, and nothing else, as in {_USER_FILE}; then 'manager reload'",
        )
    return ok(name, f"{config.callback.username} may Originate")


async def call(config: Config, listening: ManagerSession, reactor: Any, seconds: float) -> CheckResult:
    """Make the call; `listening` is the session of the daemon's user. Raises AmiError when that ends."""
    name = "agi.call"
    if not config.callback.enabled:
        return skip(
            name,
            "callback.enabled is false: there is no manager user that may dial",
            "call a queue, let the agent hang up: the survey must begin",
        )
    session = ManagerSession(reactor, seconds)
    channel = CHANNEL_ID + token_hex(8)
    try:
        await _log_in(session, config, reactor)
        await session.client.action(
            "Originate",
            Channel=f"Local/s@{DOCTOR_CONTEXT}/n",
            ChannelId=channel,
            Context=DOCTOR_CONTEXT,
            Exten="s",
            Priority="1",
            Timeout=str(round(_CALL_SECONDS * 1000)),
            Async="true",
        )
    except CcBridgeError as error:
        return _not_in(name, config, error)
    finally:
        session.client.close("all is asked")
    event = await listening.heard(
        lambda event: event.name == "UserEvent" and event.headers["Uniqueid"].startswith(channel),
        _CALL_SECONDS,
    )
    if event is None:
        return fail(
            name,
            f"no UserEvent {DOCTOR_EVENT} came",
            "are dialplan.contexts and ami.read (class user) well? `core set verbose 3` shows the call",
        )
    status = event.headers.get("AgiStatus", "")
    if status != "SUCCESS":
        return fail(
            name,
            f"the PBX does not reach the daemon: AGISTATUS is {status}",
            f"does it run, is dialplan.CCB_AGI well, can the PBX come in at port {config.agi.port}?",
        )
    return ok(name, "a call on the PBX reached the daemon")


async def _log_in(session: ManagerSession, config: Config, reactor: Any) -> None:
    """Raise AmiError or ConfigError; that the PBX can be reached is known by now."""
    await connectProtocol(ami_endpoint(config.ami, reactor), session.client)
    await session.client.login(config.callback.username, config.callback.password())


def _not_in(name: str, config: Config, error: CcBridgeError) -> CheckResult:
    return fail(
        name,
        f"{config.callback.username}: {error}",
        f"{_USER_FILE} with the secret of callback.secret_file, then: asterisk -rx 'manager reload'",
    )
