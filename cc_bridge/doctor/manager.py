"""The manager interface: reached, logged in, privileges, clock.

`reaching` and `refused` judge why a session did not begin, `findings` what a `ManagerSnapshot` saw. Pure.
"""

import re
from collections.abc import Iterator

from cc_bridge.config import AmiConfig, Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import ManagerSnapshot
from cc_bridge.web.auth import is_loopback

__all__ = ["CLASSES", "findings", "reached", "reaching", "reading", "refused"]

_OLDEST, _NEWEST = 16, 22  # releases of Asterisk that the tests have seen
_NEEDED_ACTIONS = ("Ping", "QueueStatus", "CoreShowChannels")
CLASSES = ("system", "call", "agent", "user", "dialplan")
_CLOCK_WARN, _CLOCK_FAIL = 1.0, 60.0  # seconds
_TLS = re.compile(r"SSL|TLS|VerificationError|certificate", re.IGNORECASE)


def reading(username: str) -> str:
    """Return what to do after a change of a manager user; `manager reload` does not touch those logged in."""
    then = "asterisk -rx 'manager reload' && systemctl restart cc-bridge"
    return f"in [{username}] of manager.d/cc_bridge.conf, then: {then}"


def reaching(ami: AmiConfig, why: str, *, connected: bool) -> CheckResult:
    """Judge why there was no banner."""
    where = f"{ami.host}:{ami.port}"
    if connected and ami.tls and _TLS.search(why):
        return fail(
            "ami.tls",
            f"{where}: {why}",
            f"the certificate (tlscertfile in manager.conf) must be for {ami.host!r} and signed by a CA of"
            " ami.tls_ca_file; ami.port must be that of tlsbindaddr, 5039 by default",
        )
    if connected:
        return fail(
            "ami.connection",
            f"{where}: {why}",
            "is ami.port that of manager.conf (asterisk -rx 'manager show settings')? A port with TLS needs"
            " ami.tls = true",
        )
    return fail(
        "ami.connection",
        f"{where}: {why}",
        "does Asterisk run, with `enabled = yes` and this port in [general] of manager.conf? Refused: nothing"
        " listens there; no answer: a firewall, or another ami.host",
    )


def reached(ami: AmiConfig, banner: str) -> Iterator[CheckResult]:
    """Judge a connection that was made."""
    yield ok("ami.connection", f"{ami.host}:{ami.port}, Asterisk Call Manager/{banner}")
    if ami.tls:
        yield ok("ami.tls", f"the certificate is for {ami.host} and trusted")
    elif not is_loopback(ami.host):
        yield warn(
            "ami.tls",
            f"plain text to {ami.host}: whoever listens on the way can read callers' numbers",
            "tlsenable = yes and tlscertfile in manager.conf, then ami.tls = true and ami.port = 5039;"
            " or a tunnel",
        )


def refused(ami: AmiConfig, why: str) -> CheckResult:
    return fail(
        "ami.login",
        f"{ami.username}: {why}; Asterisk does not say whether it is the name, the secret or our address",
        f"asterisk -rx 'manager show user {ami.username}': is it there, is its `secret` in manager.d what"
        " ami.secret_file holds, does `permit` allow this machine? Then: asterisk -rx 'manager reload'",
    )


def findings(config: Config, look: ManagerSnapshot) -> Iterator[CheckResult]:
    username = config.ami.username
    yield ok("ami.login", username)
    yield _version(look.version)
    yield from _privileges(look, username)
    yield _classes(look, username)
    yield _clock(look.clock_offset)


def _version(version: str | None) -> CheckResult:
    if version is None:
        return skip("asterisk.version", "not told to this user", "asterisk -rx 'core show version': 16 to 22")
    number = re.search(r"\d+", version)
    release = int(number[0]) if number else 0
    if release < _OLDEST:
        return fail("asterisk.version", version, f"cc_bridge needs Asterisk {_OLDEST} to {_NEWEST}")
    if release > _NEWEST:
        return warn(
            "asterisk.version",
            f"{version} is newer than any that was tried",
            f"{_OLDEST} to {_NEWEST} are known to work; compare with: cc-bridge reconcile",
        )
    return ok("asterisk.version", version)


def _privileges(look: ManagerSnapshot, username: str) -> Iterator[CheckResult]:
    if not look.actions:
        yield skip("ami.privileges", "not told", f"asterisk -rx 'manager show user {username}'")
        return
    missing = [action for action in _NEEDED_ACTIONS if action not in look.actions]
    if "QueueStatus" in missing:
        yield fail("ami.privileges", "no action QueueStatus", "asterisk -rx 'module load app_queue.so'")
    elif missing:
        yield fail(
            "ami.privileges",
            f"may not {', '.join(missing)}",
            f"write = reporting {reading(username)}",
        )
    else:
        yield ok("ami.privileges", f"may {', '.join(_NEEDED_ACTIONS)}")
    beyond = {action: of for action, of in look.actions.items() if of and "reporting" not in of}
    if not beyond:
        yield ok("ami.least", "no class of actions that watching does not need")
        return
    # An action of one class alone proves that class; of several, any of them would do.
    classes = sorted({only for of in beyond.values() if len(of) == 1 for only in of})
    some = sorted(beyond)[:3]
    yield warn(
        "ami.least",
        f"more than to watch: {', '.join(classes)} ({len(beyond)} actions, such as {', '.join(some)})",
        f"write = reporting, and nothing else, {reading(username)}",
    )


def _classes(look: ManagerSnapshot, username: str) -> CheckResult:
    if not look.booted:
        return fail(
            "ami.read",
            "no FullyBooted: class system is missing, or Asterisk still loads its modules",
            f"read = {','.join(CLASSES)} {reading(username)}",
        )
    if look.read is None:
        return skip(
            "ami.read",
            "system is there; the others cannot be seen from here (func_config is not loaded)",
            f"asterisk -rx 'manager show user {username}': {','.join(CLASSES)}",
        )
    given = {each.strip() for each in look.read.split(",")}
    missing = [] if "all" in given else [each for each in CLASSES if each not in given]
    if missing:
        return fail(
            "ami.read",
            f"{look.read}: {', '.join(missing)} missing",
            f"read = {','.join(CLASSES)} {reading(username)}",
        )
    return ok("ami.read", look.read)


def _clock(offset: float | None) -> CheckResult:
    if offset is None:
        return skip("clock", "the PBX's clock is not told", "compare `date` on both machines")
    seen = f"the PBX's clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} this machine's"
    advice = "chronyc tracking, on both machines: mend the one that is off"
    if abs(offset) > _CLOCK_FAIL:
        return fail("clock", seen, advice)
    if abs(offset) > _CLOCK_WARN:
        return warn("clock", seen, advice)
    return ok("clock", seen)
