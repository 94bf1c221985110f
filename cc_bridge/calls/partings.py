"""The reason why a channel leaves a bridge: the caller or agent ends the talk, or a redirect or transfer."""

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.records import EndedBy

__all__ = ["ended_by", "has_hang_up", "is_redirected", "transfer_target"]

_NUMBER_CHARACTERS = "0123456789*#+"


def ended_by(channels: Channels, talk: OpenTalk, first: str, place: str = "") -> EndedBy:
    """Return the side that ended a talk: the caller, the agent, or SYSTEM for the PBX.

    `first` is the channel that left the bridge first. `place` is the context and extension of this channel in
    the dialplan when it left. The side with the earliest hang-up request ended the talk.

    A side that ends the talk by a feature code sends no hang-up request. Without a request, the side of the
    channel `first` ended the talk. There is one exception: a caller who was redirected leaves the bridge at
    another place than the caller entered it. If `place` is not the place of the entry, the result is
    therefore SYSTEM (16.28, 22.10).
    """
    if hang_ups := _hang_ups(channels, talk):
        return min(hang_ups)[1]
    if first == talk.agent:
        return EndedBy.AGENT
    channel = channels.find(first)
    stayed = channel is not None and place != "" and channel.place == place
    return EndedBy.CALLER if stayed else EndedBy.SYSTEM


def has_hang_up(channels: Channels, talk: OpenTalk) -> bool:
    """Return whether a hang-up of the caller's or the agent's channel was requested."""
    return bool(_hang_ups(channels, talk))


def _hang_ups(channels: Channels, talk: OpenTalk) -> list[tuple[float, EndedBy]]:
    """Return the requested hang-ups of a talk's two channels: the instant, and who requested the hang-up.

    Each was requested by the caller, the agent, or the PBX (SYSTEM).
    """
    hang_ups: list[tuple[float, EndedBy]] = []
    for leg, side in ((talk.caller, EndedBy.CALLER), (talk.agent or talk.dialed, EndedBy.AGENT)):
        channel = channels.find(leg)
        if channel is None:
            continue
        if channel.hung_up_at is not None:
            hang_ups.append((channel.hung_up_at, side))
        if channel.killed_at is not None:
            hang_ups.append((channel.killed_at, EndedBy.SYSTEM))
    return hang_ups


def is_redirected(channels: Channels, uniqueid: str, place: str) -> bool:
    """Return whether a channel that leaves a bridge changed its place in the dialplan while in the bridge.

    A place is a context and an extension. `place` is the one at which the channel leaves. The result is False
    if one of the two places was not observed.
    """
    channel = channels.find(uniqueid)
    return channel is not None and "" not in (place, channel.place) and channel.place != place


def transfer_target(channels: Channels, event: ev.AttendedTransferred) -> str:
    """Return the number to which an attended transfer leads; empty if it was not observed.

    The result is the number of the consulted party. For a party without a number, Asterisk names an extension
    of the dialplan, such as `s`. The result is then the extension that the agent dialled for the
    consultation.
    """
    is_number = event.target.strip(_NUMBER_CHARACTERS) == ""
    return event.target if event.target and is_number else _dialled(channels, event) or event.target


def _dialled(channels: Channels, event: ev.AttendedTransferred) -> str:
    """Return the extension that the consultation dialled; empty if it was not observed.

    An agent consults by a feature code or on a second line. After a feature code, the Local channel that is
    now in the customer's bridge has the extension. After a second line, the agent's channel on that line has
    it.
    """
    first, second = event.transferers
    bridge = channels.bridge_of(event.transferee)
    beside = sorted(channels.in_bridge(bridge)) if bridge is not None else ()
    for uniqueid in (second if second != first else "", event.target_channel, *beside):
        channel = channels.find(uniqueid)
        if channel is not None and channel.dialled not in ("", "s") and uniqueid != event.transferee:
            return channel.dialled
    return ""
