"""Checks of the queues: is the configuration of cc_bridge consistent with the queues of the PBX. Pure.

The settings of a realtime queue are not visible over AMI, since no configuration file contains the queue.
"""

import difflib
from collections.abc import Iterator, Mapping

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import ManagerSnapshot, QueueState
from cc_bridge.queue_names import QueueNames

__all__ = ["check"]

_SAMPLE = "config/asterisk/queues_sample.conf"
_FREEPBX_EMPTY = "default"  # a queue without members in the queues.conf that FreePBX writes
_TRUE = {"yes", "true", "y", "t", "1", "on"}


def check(config: Config, snapshot: ManagerSnapshot) -> Iterator[CheckResult]:
    """Yield the results for queue names, members, and setinterfacevar and wrapuptime of queues.conf."""
    queues = dict(snapshot.queues)
    if snapshot.freepbx and _FREEPBX_EMPTY not in config.queues:
        queues.pop(_FREEPBX_EMPTY, None)
    if not queues:
        yield warn(
            "queues",
            "the PBX has no queues",
            "add them to queues.conf, then: asterisk -rx 'queue reload all'",
        )
    else:
        yield ok("queues", f"{len(queues)}: {', '.join(queues)}")
    yield from _misspelt(config, queues)
    if not queues:
        return
    yield _empty(queues)
    yield from _interfaces(config, queues, freepbx=snapshot.freepbx)
    yield from _wrap_ups(config, queues)


def _misspelt(config: Config, queues: Mapping[str, QueueState]) -> Iterator[CheckResult]:
    """Yield a failure for each queue that the configuration names but that does not exist on the PBX.

    The case of the names is ignored.
    """
    known = QueueNames(queues)
    named = {f"queues.{name}": name for name in config.queues}
    named |= {f"wallboard.queues: {name}": name for name in config.wallboard.queues}
    for key, name in named.items():
        if name not in known:
            near = difflib.get_close_matches(name, queues, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "asterisk -rx 'queue show' lists them;"
            yield fail(
                "queues.configured",
                f"{key}: the PBX has no such queue",
                f"{hint} correct the name in cc-bridge.toml",
            )


def _empty(queues: Mapping[str, QueueState]) -> CheckResult:
    """Return the result of the check that each queue of the PBX has members."""
    empty = [name for name, queue in queues.items() if not queue.members]
    if empty:
        return warn(
            "queues.members",
            f"no members in {', '.join(empty)}",
            "ignore this if agents log in later; otherwise add `member =>` lines to queues.conf",
        )
    return ok("queues.members", f"{sum(queue.members for queue in queues.values())} members in all queues")


def _interfaces(config: Config, queues: Mapping[str, QueueState], *, freepbx: bool) -> Iterator[CheckResult]:
    """Yield the results of the check that queues with a survey have setinterfacevar in queues.conf.

    Without this setting and without an AMI connection, the daemon does not know the rated agent. One result
    names the queues without the setting, and another the queues whose settings are not visible. If there are
    no such queues, the only result has the level ok.
    """
    name = "queues.interface"
    with_survey = [each for each in queues if config.queue(each).survey and config.survey.enabled]
    unseen = [each for each in with_survey if queues[each].setinterfacevar is None]
    without = [
        each
        for each in with_survey
        if each not in unseen and (queues[each].setinterfacevar or "").lower() not in _TRUE
    ]
    then = "then: asterisk -rx 'queue reload all'"
    if without:
        line = f"[{without[0]}](+) and setinterfacevar=yes, one for each queue, in queues_post_custom.conf"
        yield warn(
            name,
            f"setinterfacevar is not set for {', '.join(without)}: without an AMI connection the rated agent"
            " is unknown",
            f"write the lines {line}, {then}"
            if freepbx
            else f"set setinterfacevar = yes, as in {_SAMPLE}, {then}",
        )
    if unseen:
        yield skip(
            name,
            f"setinterfacevar is not visible for {', '.join(unseen)}",
            f"check that it is `yes`, as in {_SAMPLE}",
        )
    if not without and not unseen:
        yield ok(name, "setinterfacevar is set wherever callers are asked")


def _wrap_ups(config: Config, queues: Mapping[str, QueueState]) -> Iterator[CheckResult]:
    """Yield a warning for each queue whose wrapuptime in queues.conf differs from wrap_up_seconds.

    wrap_up_seconds is the queue's setting in the configuration of cc_bridge. If no queue differs, yield one
    result with the level ok. For queues whose wrapuptime is not visible, yield a result with the level skip.
    """
    name = "queues.wrapuptime"
    unseen = [each for each, queue in queues.items() if queue.wrapuptime is None]
    if unseen:
        yield skip(
            name,
            f"not visible for {', '.join(unseen)}",
            "compare wrapuptime of queues.conf with wrap_up_seconds of each queue in cc-bridge.toml",
        )
    differences = 0
    for each, queue in queues.items():
        if queue.wrapuptime is None:
            continue
        theirs = float(queue.wrapuptime) if queue.wrapuptime.isdigit() else 0.0
        ours = config.queue(each).wrap_up_seconds
        if theirs != ours:
            yield warn(
                name,
                f"{each}: {theirs:g} s on the PBX, {ours:g} s in cc-bridge.toml",
                f"set wrap_up_seconds = {theirs:g} in [queues.{each}] of cc-bridge.toml",
            )
            differences += 1
    if not unseen and not differences:
        yield ok(name, "the same in cc-bridge.toml as on the PBX")
