"""The queues that metrics and the wallboard show: all known queues except FreePBX's empty queue `default`.

FreePBX and Issabel write a section `[default]` into queues.conf. Asterisk reads it as a queue, which has no
members and no callers. The queue is shown only if the configuration names it, or if it has a member or a
caller.
"""

from collections.abc import Collection

from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config

__all__ = ["in_use"]

_PLACEHOLDER = "default"


def in_use(tracker: Tracker, config: Config) -> Collection[str]:
    """Return the names of the known queues; leave out FreePBX's queue `default` if it is not in use.

    The queue `default` is in use if the configuration names it, or if it has a member, a waiting caller or a
    talk.
    """
    queues = set(tracker.queues)
    if _PLACEHOLDER not in queues or _PLACEHOLDER in config.queues:
        return queues
    entered = {visit.queue for visit in tracker.waiting()} | {
        talk.queue for talk in tracker.talks.in_progress()
    }
    if _PLACEHOLDER in entered or any(queue == _PLACEHOLDER for queue, _ in tracker.members):
        return queues
    return queues - {_PLACEHOLDER}
