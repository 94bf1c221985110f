"""The shape of AMI events as bytes: it shows whether an event was cut by an empty line in a caller's value.

Asterisk sends some values of callers raw. A caller's number that contains an empty line ends the event in
which it stands, and the text after the empty line looks like another event. The first event is then cut: it
lacks the headers that Asterisk always writes after the number. Asterisk describes each channel by the same
headers in the same order, with a prefix such as `Dest` for a second channel.

The functions take the bytes between two empty lines.
"""

import re
from collections.abc import Iterable, Sequence

__all__ = ["are_surely_whole", "has_header_in_channel", "has_sure_end", "is_cut", "missing_ends"]

# The headers of a channel in their order, as in Asterisk's manager_channels.c from 16 to 23. Channel and
# ChannelState are before them.
_CHANNEL = (
    b"ChannelStateDesc: ",
    b"CallerIDNum: ",
    b"CallerIDName: ",
    b"ConnectedLineNum: ",
    b"ConnectedLineName: ",
    b"Language: ",
    b"AccountCode: ",
    b"Context: ",
    b"Exten: ",
    b"Priority: ",
    b"Uniqueid: ",
    b"Linkedid: ",
)
_FIRST = _CHANNEL[0]
_NAMES = tuple(name.removesuffix(b": ") for name in _CHANNEL)
_FIRST_NAME = re.compile(rb"^[A-Za-z]*ChannelStateDesc$")
_LONGEST_PREFIX = 32
_FAR = 180  # bytes
_CDR = b"Event: Cdr\r"
# Frequent events without values of callers. Their names take less time to find than "ID" in the whole event.
_WITHOUT_CALLERS = (b"Event: DeviceStateChange\r", b"Event: BridgeCreate\r", b"Event: BridgeDestroy\r")

# For events without these headers: a text before the values of callers, and a header that Asterisk writes
# after them. The first entry is for a program that imitates Asterisk with only some headers of a channel.
_OTHERS = (
    (b"CallerIDNum: ", b"Linkedid: "),
    (b"Event: CEL\r", b"\nLinkedID: "),
    (_CDR, b"\nUniqueID: "),
    (b"\nAccountID: ", b"\nRemoteAddress: "),  # security events
)
# Ends of what a cut event lacks, besides Linkedid. An item of QueueStatus ends with the id of the action.
_OTHER_ENDS = (b"\nLinkedID: ", b"\nUniqueID: ", b"\nRemoteAddress: ", b"\nActionID: ")
# An event with the first header of such an entry, but without the second one.
_EXEMPT = b"Event: OriginateResponse\r"


def has_sure_end(event: bytes) -> bool:
    """Return whether an event surely has the header that Asterisk writes last for a channel.

    Such an event is not cut. Asterisk limits a caller's number to 79 bytes. So a caller can write this header
    into the number, but not _FAR bytes behind the start of the number. If the result is False, `is_cut` must
    decide, which takes longer.
    """
    return event.rfind(b"Linkedid: ") - event.rfind(b"CallerIDNum: ") >= _FAR


def are_surely_whole(blocks: Sequence[bytes], start: int, end: int) -> bool:
    """Return whether the last event in `blocks[start:end]` with the number of a caller is surely not cut.

    The result is also True if no event has such a number. If the result is False, `is_cut` must decide. This
    function takes less time than `is_cut`, and its result is True for most events.
    """
    for index in range(end - 1, start - 1, -1):
        event = blocks[index]
        if event.startswith(_WITHOUT_CALLERS):
            continue
        if has_sure_end(event):
            return True
        if event.find(b"ID") >= 0 or event.startswith(_CDR):  # as in `is_cut`; half the time of `in`
            return False
    return True


def has_header_in_channel(event: bytes, wanted: Iterable[str]) -> bool:
    """Return whether one of the headers `wanted` is among the headers that describe a channel.

    Asterisk writes these headers as one block, from `ChannelStateDesc` to `Linkedid`, each once. So another
    header within the block is forged: a line break in a caller's number can add one. The result is also True
    if the first or the last header of the block is not in the event exactly once.
    """
    names = [line.partition(b": ")[0] for line in event.split(b"\n")]
    others = {name.encode() for name in wanted}
    for first in filter(_FIRST_NAME.search, names):
        prefix = first.removesuffix(_NAMES[0])
        last = prefix + _NAMES[-1]
        if names.count(first) != 1 or names.count(last) != 1:
            return True
        own = {prefix + name for name in _NAMES}
        if not others.isdisjoint({*names[names.index(first) : names.index(last)]} - own):
            return True
    return False


def is_cut(event: bytes) -> bool | None:
    """Return whether an event was cut off after a text that a caller can set, such as the caller's name.

    Asterisk always writes further headers after such a text. In an event that was cut off, they are missing.
    The result is None if the event has no such text.
    """
    # Most names of headers with such values contain "ID".
    if b"ID" not in event and not event.startswith(_CDR):
        return None
    start, prefix = _last_channel(event)
    if start < 0:
        return _is_cut_without_channel(event)
    # The headers need not be adjacent: a later version of Asterisk may add one between them.
    return not _has_in_order(event, start, prefix)


def missing_ends(block: bytes) -> int:
    """Return the number of channel descriptions that start in `block`, minus the number that end in it.

    A description is the headers of one channel in an event. The result is positive for a cut event, and
    negative for the rest of it.
    """
    ends = block.count(b"Linkedid: ") + sum(last in block for last in _OTHER_ENDS)
    return block.count(b"Channel: ") - ends


def _is_cut_without_channel(event: bytes) -> bool | None:
    """Return the result of `is_cut` for an event without the standard headers of a channel."""
    for first, last in _OTHERS:
        if first in event:
            return last not in event and not event.startswith(_EXEMPT)
    return None


def _last_channel(event: bytes) -> tuple[int, bytes]:
    """Return the byte position of the last header ChannelStateDesc, and its prefix, such as `Dest`.

    The position is -1 if the event has no such header.
    """
    start = event.rfind(_FIRST)
    while start >= 0:
        _, newline, prefix = event[max(0, start - _LONGEST_PREFIX) : start].rpartition(b"\n")
        if newline and (not prefix or prefix.isalpha()):
            return start, prefix
        start = event.rfind(_FIRST, 0, start)  # this one is a part of a value
    return -1, b""


def _has_in_order(event: bytes, at: int, prefix: bytes) -> bool:
    """Return whether all further headers of a channel follow the byte position `at` of an event, in order.

    `prefix` is before each of their names.
    """
    for name in _CHANNEL[1:]:
        at = event.find(b"\r\n" + prefix + name, at)
        if at < 0:
            return False
    return True
