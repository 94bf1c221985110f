"""The meaning of a leg that leaves a bridge: the side that ended the talk, a redirect, a transfer target."""

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.records import EndedBy

__all__ = ["ended_by", "is_redirected", "transfer_extension"]


def ended_by(channels: Channels, talk: OpenTalk, first: str, place: str = "") -> EndedBy:
    """Return the side that ended a talk whose leg `first` left first, at `place` in the dialplan.

    A side that ends the talk by a feature code leaves without a hang-up request. A redirected
    caller leaves without a hang-up request too, but to another place in the dialplan (16.28, 22.10).
    """
    hang_ups: list[tuple[float, EndedBy]] = []
    for leg, side in ((talk.caller, EndedBy.CALLER), (talk.agent or talk.dialed, EndedBy.AGENT)):
        channel = channels.find(leg)
        if channel is not None and channel.hung_up_at is not None:
            hang_ups.append((channel.hung_up_at, side))
        if channel is not None and channel.killed_at is not None:
            hang_ups.append((channel.killed_at, EndedBy.SYSTEM))
    if hang_ups:
        return min(hang_ups)[1]
    if first == talk.agent:
        return EndedBy.AGENT
    channel = channels.find(first)
    stayed = channel is not None and place != "" and channel.place == place
    return EndedBy.CALLER if stayed else EndedBy.SYSTEM


def is_redirected(channels: Channels, uniqueid: str, place: str) -> bool:
    """Return whether a channel leaves its bridge at another place in the dialplan than at its entry.

    The result is False if one of the places was not observed.
    """
    channel = channels.find(uniqueid)
    return channel is not None and "" not in (place, channel.place) and channel.place != place


def transfer_extension(channels: Channels, event: ev.AttendedTransferred) -> str:
    """Return the extension that the consultation dialled; empty if it was not observed.

    After a feature code, the extension is that of the Local channel that is now in the customer's bridge.
    After a consultation on a second line, it is that of the second transferer's channel.
    """
    bridge = channels.bridge_of(event.transferee)
    beside = sorted(channels.in_bridge(bridge)) if bridge is not None else ()
    for uniqueid in (event.target_channel, event.transferers[1], *beside):
        channel = channels.find(uniqueid)
        if channel is not None and channel.dialled not in ("", "s") and uniqueid != event.transferee:
            return channel.dialled
    return ""
