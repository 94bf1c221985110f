"""The arguments with which the dialplan starts the survey script by AGI().

The arguments contain the trigger of the survey. They also contain the agent's interface, for the case that
the PBX was not observed. `extensions_cc_bridge.conf` passes (trigger, queue, interface, call); `call` is the
Uniqueid of the earlier call that a survey callback is about. A dialplan of version 0.1 passed (queue,
interface), and some dialplans pass no arguments.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cc_bridge.records import Trigger

__all__ = ["ScriptArguments", "parse_arguments"]

_OLD_FORM = 2  # a dialplan of version 0.1 passes up to this number of arguments
_CHANNELS_OWN = re.compile(r"-[0-9a-f]{8}(;[12])?$")  # end of a channel's name, after the phone's name


@dataclass(frozen=True, slots=True)
class ScriptArguments:
    """The arguments of the survey script. Texts are empty if the dialplan does not pass them."""

    trigger: Trigger
    queue: str
    interface: str  # of the agent
    about: str  # the uniqueid of the earlier call that a survey callback is about


def parse_arguments(arguments: Sequence[str]) -> ScriptArguments:
    """Return the arguments of the survey script as named values, given their list from the dialplan.

    An unknown trigger counts as `queue`.
    """
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
