"""Checks of the manager interface: connection, login, privileges, Asterisk version and clock. Pure.

`connection_failed` and `login_refused` explain why a session could not start. `check` examines a
`ManagerSnapshot`.
"""

import re
from collections.abc import Iterator

from cc_bridge.config import AmiConfig, Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import ManagerSnapshot
from cc_bridge.web.access.token_auth import is_loopback

__all__ = ["CLASSES", "check", "connected_results", "connection_failed", "in_user_section", "login_refused"]

_OLDEST, _NEWEST = 16, 22  # tested releases of Asterisk
_NEEDED_ACTIONS = ("Ping", "QueueStatus", "CoreShowChannels")
CLASSES = ("system", "call", "agent", "user", "dialplan")
_CLOCK_WARN, _CLOCK_FAIL = 1.0, 60.0  # seconds
_TLS = re.compile(r"SSL|TLS|VerificationError|certificate", re.IGNORECASE)


def in_user_section(username: str, *, freepbx: bool) -> str:
    """Return the last part of a remedy: the file and section to change, and the commands to run afterwards.

    The section is the one of the manager user `username`. The commands also restart the daemon, since
    `manager reload` does not change sessions that are logged in.
    """
    then = "asterisk -rx 'manager reload' && systemctl restart cc-bridge"
    file = "manager_cc_bridge.conf" if freepbx else "manager.d/cc_bridge.conf"
    return f"in [{username}] of {file}, then: {then}"


def connection_failed(ami: AmiConfig, why: str, *, connected: bool) -> CheckResult:
    """Return the result for a failed connection to the manager interface.

    `connected` is False if the TCP connection failed. It is True if the TCP connection succeeded, but
    Asterisk did not send its first line, the banner. `why` is the error text.
    """
    where = f"{ami.host}:{ami.port}"
    if connected and ami.tls and _TLS.search(why):
        return fail(
            "ami.tls",
            f"{where}: {why}",
            f"the certificate (tlscertfile in manager.conf) must be for {ami.host!r} and signed by a CA in"
            " ami.tls_ca_file; ami.port must be the port of tlsbindaddr, 5039 by default",
        )
    if connected:
        return fail(
            "ami.connection",
            f"{where}: {why}",
            "set ami.port to the port of manager.conf (asterisk -rx 'manager show settings'); a TLS port"
            " needs ami.tls = true",
        )
    return fail(
        "ami.connection",
        f"{where}: {why}",
        "check that Asterisk runs, with `enabled = yes` and this port in [general] of manager.conf; a timeout"
        " means a firewall or a wrong ami.host",
    )


def connected_results(ami: AmiConfig, banner: str) -> Iterator[CheckResult]:
    """Yield the results for an open connection to the PBX: its address, its banner and its encryption."""
    yield ok("ami.connection", f"{ami.host}:{ami.port}, Asterisk Call Manager/{banner}")
    if ami.tls:
        yield ok("ami.tls", f"the certificate matches {ami.host} and is trusted")
    elif not is_loopback(ami.host):
        yield warn(
            "ami.tls",
            f"the connection to {ami.host} is unencrypted: callers' numbers can be read on the network",
            "set tlsenable = yes and tlscertfile in manager.conf, then ami.tls = true and ami.port = 5039;"
            " or use a tunnel",
        )


def login_refused(ami: AmiConfig, why: str) -> CheckResult:
    """Return the result for a login that Asterisk refused; `why` is Asterisk's error text."""
    return fail(
        "ami.login",
        f"{ami.username}: {why}; the user name, the secret or the address of this machine is wrong",
        f"check that asterisk -rx 'manager show user {ami.username}' shows the user, that its `secret` equals"
        " ami.secret_file, and that `permit` allows this machine; then: asterisk -rx 'manager reload'",
    )


def check(config: Config, snapshot: ManagerSnapshot) -> Iterator[CheckResult]:
    """Yield the results for the login, Asterisk's version, privileges, event classes and the PBX's clock."""
    username = config.ami.username
    yield ok("ami.login", username)
    yield _version(snapshot.version)
    yield from _privileges(snapshot, username)
    yield _classes(snapshot, username)
    yield _clock(snapshot.clock_offset)


def _version(version: str | None) -> CheckResult:
    """Return the result of the check that cc_bridge supports Asterisk's version.

    `version` is None if the manager user cannot see it.
    """
    if version is None:
        return skip(
            "asterisk.version",
            "not visible to this user",
            "asterisk -rx 'core show version' must be 16 to 22",
        )
    number = re.match(r"\D*(\d+)(?=[.-]|$)", version)
    if number is None:
        return warn(
            "asterisk.version",
            f"{version} is not a release",
            f"{_OLDEST} to {_NEWEST} are tested; verify the records with cc-bridge reconcile",
        )
    release = int(number[1])
    if release < _OLDEST:
        return fail(
            "asterisk.version",
            f"Asterisk {version} is not supported: its events lack what cc_bridge needs",
            f"upgrade Asterisk: cc_bridge needs {_OLDEST} to {_NEWEST} (Issabel's 11 to 13 are too old)",
        )
    if release > _NEWEST:
        return warn(
            "asterisk.version",
            f"{version} is newer than the tested releases",
            f"{_OLDEST} to {_NEWEST} are tested; verify the records with cc-bridge reconcile",
        )
    return ok("asterisk.version", version)


def _privileges(snapshot: ManagerSnapshot, username: str) -> Iterator[CheckResult]:
    """Check that the manager user may use all needed AMI actions and no others; yield the results."""
    section = in_user_section(username, freepbx=snapshot.freepbx)
    if not snapshot.actions:
        yield skip("ami.privileges", "not visible", f"check: asterisk -rx 'manager show user {username}'")
        return
    missing = [action for action in _NEEDED_ACTIONS if action not in snapshot.actions]
    if "QueueStatus" in missing:
        yield fail(
            "ami.privileges", "the action QueueStatus is missing", "asterisk -rx 'module load app_queue.so'"
        )
    elif missing:
        yield fail(
            "ami.privileges",
            f"may not use {', '.join(missing)}",
            f"set write = reporting {section}",
        )
    else:
        yield ok("ami.privileges", f"may use {', '.join(_NEEDED_ACTIONS)}")
    beyond = {action: of for action, of in snapshot.actions.items() if of and "reporting" not in of}
    if not beyond:
        yield ok("ami.least", "no unneeded class of actions")
        return
    # An action that needs one class proves that class. An action of several classes needs only one of them.
    classes = sorted({only for of in beyond.values() if len(of) == 1 for only in of})
    some = sorted(beyond)[:3]
    yield warn(
        "ami.least",
        f"more privileges than needed: {', '.join(classes)} ({len(beyond)} actions: {', '.join(some)} ...)",
        f"set write = reporting, and no other class, {section}",
    )


def _classes(snapshot: ManagerSnapshot, username: str) -> CheckResult:
    """Return the result of the check that the manager user receives all needed classes of events."""
    section = in_user_section(username, freepbx=snapshot.freepbx)
    if not snapshot.booted:
        return fail(
            "ami.read",
            "no event FullyBooted: the class system is missing, or Asterisk is still starting",
            f"set read = {','.join(CLASSES)} {section}",
        )
    if snapshot.read is None:
        return skip(
            "ami.read",
            "class system is present; the others are not visible (func_config is not loaded)",
            f"asterisk -rx 'manager show user {username}' must show {','.join(CLASSES)}",
        )
    given = {each.strip() for each in snapshot.read.split(",")}
    missing = [] if "all" in given else [each for each in CLASSES if each not in given]
    if missing:
        return fail(
            "ami.read",
            f"{snapshot.read}: {', '.join(missing)} missing",
            f"set read = {','.join(CLASSES)} {section}",
        )
    return ok("ami.read", snapshot.read)


def _clock(offset: float | None) -> CheckResult:
    """Return the result of the check that the clocks of the PBX and of this machine agree.

    `offset` is the difference in seconds, positive if the PBX's clock is ahead; None if it is unknown.
    """
    if offset is None:
        return skip("clock", "the PBX's clock is unknown", "compare `date` on both machines")
    seen = f"the PBX's clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} this machine's"
    advice = "run chronyc tracking on both machines, and correct the clock that is wrong"
    if abs(offset) > _CLOCK_FAIL:
        return fail("clock", seen, advice)
    if abs(offset) > _CLOCK_WARN:
        return warn("clock", seen, advice)
    return ok("clock", seen)
