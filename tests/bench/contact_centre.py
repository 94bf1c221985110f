"""A large contact centre as AMI messages: queues, members, and calls in progress.

`ami.py` gives the lists to the `Sender` and then sends the events. The events have the headers of Asterisk
22.10 that the daemon reads, and a few that it does not read.
"""

import time
from collections.abc import Iterator

__all__ = ["end_of_talk", "events_of_calls", "queue_status"]


def queue_status(queues: int, agents: int) -> list[bytes]:
    """Return the items of a QueueStatus list. Each agent is a member of one queue."""
    items = [
        _lines("QueueParams", Queue=_queue(i), Max=0, Strategy="rrmemory", Calls=0) for i in range(queues)
    ]
    for i in range(agents):
        member = {
            "Queue": _queue(i % queues),
            "Name": _agent(i),
            "Location": f"PJSIP/{2000 + i}",
            "StateInterface": f"PJSIP/{2000 + i}",
            "Membership": "static",
            "Penalty": 0,
            "CallsTaken": 0,
            "Status": 1,
            "Paused": 0,
            "PausedReason": "",
            "Wrapuptime": 0,
        }
        items.append(_lines("QueueMember", **member))
    return items


def events_of_calls(calls: int, queues: int) -> Iterator[bytes]:
    """Yield the events that open the calls. Half of the calls are answered; the rest wait in a queue."""
    for i in range(calls):
        caller, phone = _channels(i)
        queue = {"Queue": _queue(i % queues)}
        dialed = {f"Dest{name}": value for name, value in phone.items()}
        member = {"Interface": f"PJSIP/{2000 + i}", "MemberName": _agent(i)}
        yield _event("Newchannel", **caller)
        yield _event("QueueCallerJoin", **caller, **queue, Position=1, Count=1)
        yield _event("Newchannel", **phone)
        yield _event("AgentCalled", **caller, **dialed, **queue, **member)
        if i % 2:
            continue
        yield _event("DialEnd", **caller, **dialed, DialStatus="ANSWER")
        yield _event("QueueCallerLeave", **caller, **queue, Position=1, Count=0)
        yield _event("AgentConnect", **caller, **dialed, **queue, **member, RingTime=1, HoldTime=1)
        yield _event("BridgeEnter", **_bridge(i), **caller)
        yield _event("BridgeEnter", **_bridge(i), **phone)


def end_of_talk(call: int) -> bytes:
    """Return the events by which the agent of an answered call hangs up; the caller's channel stays open."""
    caller, phone = _channels(call)
    return b"".join(
        (
            _event("HangupRequest", **phone),
            _event("BridgeLeave", **_bridge(call), **phone),
            _event("BridgeLeave", **_bridge(call), **caller),
            _event("Hangup", **phone, Cause=16),
        )
    )


def _channels(call: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers of a call's two channels: the caller's and the agent's."""
    caller = _channel("trunk", 2 * call, 2 * call)
    return caller, _channel(str(2000 + call), 2 * call + 1, 2 * call)


def _bridge(call: int) -> dict[str, str]:
    return {
        "BridgeUniqueid": f"{call:08x}-0000-4000-8000-000000000000",
        "BridgeType": "basic",
        "BridgeTechnology": "simple_bridge",
    }


def _queue(number: int) -> str:
    return f"queue-{number:03}"


def _agent(number: int) -> str:
    return f"Agent {number:04}"


def _channel(peer: str, number: int, first: int) -> dict[str, str]:
    """Return a channel's headers in Asterisk's order; `first` is the number of the call's first channel."""
    return {
        "Channel": f"PJSIP/{peer}-{number:08x}",
        "ChannelState": "6",
        "ChannelStateDesc": "Up",
        "CallerIDNum": f"0912{number:07}",
        "CallerIDName": f"Caller {number}",
        "ConnectedLineNum": "",
        "ConnectedLineName": "",
        "Language": "en",
        "AccountCode": "",
        "Context": "incoming",
        "Exten": "8001",
        "Priority": "1",
        "Uniqueid": f"pbx-1790000000.{number}",
        "Linkedid": f"pbx-1790000000.{first}",
    }


def _event(name: str, **headers: object) -> bytes:
    return _lines(name, Privilege="call,all", Timestamp=f"{time.time():.6f}", **headers) + b"\r\n"


def _lines(event: str, **headers: object) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in {"Event": event, **headers}.items()).encode()
