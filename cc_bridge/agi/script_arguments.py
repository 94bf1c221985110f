"""What the dialplan says about a caller whom it sends to the survey: the arguments of AGI(). Pure.

The wiring reads them to know what brought the caller, and falls back on them for the agent when the PBX was
not observed. `extensions_cc_bridge.conf` gives (trigger, queue, interface, call); a dialplan of version 0.1
gave (queue, interface), and some give nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cc_bridge.records import Trigger

__all__ = ["ScriptArguments", "parse_arguments"]

_OLD_FORM = 2  # arguments at most
_CHANNELS_OWN = re.compile(r"-[0-9a-f]{8}(;[12])?$")  # what Asterisk puts behind a phone's name


@dataclass(frozen=True, slots=True)
class ScriptArguments:
    """What the dialplan says; texts are empty where it says nothing."""

    trigger: Trigger
    queue: str
    interface: str  # of the agent
    about: str  # the uniqueid of the call that a call-back is about


def parse_arguments(arguments: Sequence[str]) -> ScriptArguments:
    """Return what the arguments mean; a trigger that is not known counts as the queue."""
    given = list(arguments)
    if len(given) <= _OLD_FORM:
        given.insert(0, Trigger.QUEUE)
    trigger, queue, interface, about, *_ = (*given, "", "", "")
    return ScriptArguments(
        trigger=Trigger(trigger) if trigger in set(Trigger) else Trigger.QUEUE,
        queue=queue,
        interface=_CHANNELS_OWN.sub("", interface),
        about=about,
    )
