"""The queues: those of the configuration against those of the PBX. No input or output.

The trap: a queue of a database (realtime) stands in no file, so its settings are not known from here.
"""

import difflib
from collections.abc import Iterator, Mapping

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.session import ManagerSnapshot, QueueState

__all__ = ["findings"]

_SAMPLE = "config/asterisk/queues_sample.conf"
_TRUE = {"yes", "true", "y", "t", "1", "on"}


def findings(config: Config, look: ManagerSnapshot) -> Iterator[CheckResult]:
    queues = look.queues
    if not queues:
        yield warn("queues", "the PBX has none", "queues.conf, then: asterisk -rx 'queue reload all'")
    else:
        yield ok("queues", f"{len(queues)}: {', '.join(queues)}")
    yield from _misspelt(config, queues)
    if not queues:
        return
    yield _empty(queues)
    yield _interfaces(config, queues)
    yield from _wrap_ups(config, queues)


def _misspelt(config: Config, queues: Mapping[str, QueueState]) -> Iterator[CheckResult]:
    named = {f"queues.{name}": name for name in config.queues}
    named |= {f"wallboard.queues: {name}": name for name in config.wallboard.queues}
    for key, name in named.items():
        if name not in queues:
            near = difflib.get_close_matches(name, queues, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "asterisk -rx 'queue show' lists them;"
            yield fail(
                "queues.configured", f"{key}: the PBX has no such queue", f"{hint} mend it in cc-bridge.toml"
            )


def _empty(queues: Mapping[str, QueueState]) -> CheckResult:
    empty = [name for name, queue in queues.items() if not queue.members]
    if empty:
        return warn(
            "queues.members",
            f"nobody in {', '.join(empty)}",
            "well if the agents log in by themselves, later; else `member =>` in queues.conf",
        )
    return ok("queues.members", f"{sum(queue.members for queue in queues.values())} in all queues")


def _interfaces(config: Config, queues: Mapping[str, QueueState]) -> CheckResult:
    name = "queues.interface"
    asking = [each for each in queues if config.queue(each).survey and config.survey.enabled]
    without = [each for each in asking if (queues[each].setinterfacevar or "").lower() not in _TRUE]
    unseen = [each for each in without if queues[each].setinterfacevar is None]
    if unseen:
        return skip(
            name,
            f"setinterfacevar cannot be seen for {', '.join(unseen)}",
            f"compare with {_SAMPLE}: setinterfacevar = yes",
        )
    if without:
        return warn(
            name,
            f"setinterfacevar is not set for {', '.join(without)}: while cc_bridge cannot see the PBX, nobody"
            " knows who is rated",
            f"setinterfacevar = yes, as in {_SAMPLE}, then: asterisk -rx 'queue reload all'",
        )
    return ok(name, "setinterfacevar is set wherever callers are asked")


def _wrap_ups(config: Config, queues: Mapping[str, QueueState]) -> Iterator[CheckResult]:
    name = "queues.wrapuptime"
    unseen = [each for each, queue in queues.items() if queue.wrapuptime is None]
    if unseen:
        yield skip(
            name,
            f"cannot be seen for {', '.join(unseen)}",
            "compare wrapuptime of queues.conf with wrap_up_seconds of each queue in cc-bridge.toml",
        )
    others = 0
    for each, queue in queues.items():
        if queue.wrapuptime is None:
            continue
        theirs = float(queue.wrapuptime) if queue.wrapuptime.isdigit() else 0.0
        ours = config.queue(each).wrap_up_seconds
        if theirs != ours:
            yield warn(
                name,
                f"{each}: {theirs:g} s on the PBX, {ours:g} s here",
                f"queues.{each}: wrap_up_seconds = {theirs:g} in cc-bridge.toml",
            )
            others += 1
    if not unseen and not others:
        yield ok(name, "the same here as on the PBX")
