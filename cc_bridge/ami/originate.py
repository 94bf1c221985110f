"""Calls one number: a short AMI session of its own, with the one manager user that may originate.

A session lasts for one call: calls are few, and there is no state to keep between them. The daemon's other
user, which listens all day, cannot dial.

A number comes from a caller, and here it becomes part of what Asterisk dials, so only digits with an optional
+ are accepted. OriginateResponse reports a busy line as Reason 0, like any failure (16.28 and 22.10, PJSIP
and Local): only the Hangup of the channel, before it or after it, has cause 17.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from cc_bridge.ami.client import AmiClient, AmiTimeouts
from cc_bridge.ami.codec import Codec, Event
from cc_bridge.errors import AmiLinkLost, AmiTimeout
from cc_bridge.surveys.callback import CallResult, dialable

__all__ = ["CHANNEL_ID", "CONTEXT", "NUMBER", "OriginateSettings", "Originator"]

CONTEXT = "cc-bridge-callback"  # of extensions_cc_bridge.conf
VARIABLE = "CCB_CALL"
NUMBER = "{number}"  # its place in the channel's template
CHANNEL_ID = "ccb-"  # begins the Uniqueid of our calls; the manager user's event filter lets no other pass

LATE_SECONDS = 10.0  # for the result, after the ringing had to end
CAUSE_SECONDS = 3.0  # for a Hangup that follows; two pings, since Asterisk may keep it back
_BUSY_CAUSE = "17"  # Q.850
_UNIQUEID = re.compile(r"[A-Za-z0-9_.:-]{1,150}")  # what Asterisk makes of its name, a time and a counter

_RESULTS: Mapping[str, CallResult] = {
    "4": CallResult.ANSWERED,
    "5": CallResult.BUSY,  # said in the dialplan, by Busy()
    "3": CallResult.NO_ANSWER,
}
"""Reason of OriginateResponse, which is a control frame's number; all others are failures."""


@dataclass(frozen=True, slots=True)
class OriginateSettings:
    """How to call: `channel` such as `PJSIP/{number}@trunk` or `Local/{number}@from-internal/n`."""

    channel: str
    caller_id: str = ""
    ring_seconds: float = 30.0


class _OriginateSession(AmiClient):
    """A session for one call; the events about its channel fire `result` and `cause`."""

    def __init__(self, clock: IReactorTime, timeouts: AmiTimeouts) -> None:
        super().__init__(Codec(), self._handle_event, clock, timeouts)
        self.channel_id = CHANNEL_ID + token_hex(8)
        self.result: Deferred[CallResult | None] = Deferred()  # None: the link was lost
        self.cause: Deferred[str] = Deferred()
        self.lost.addCallback(self._link_lost)

    def _answered(self, message: Any) -> None:
        if isinstance(message, Event) and message.name == "OriginateResponse":
            self._handle_event(message)  # with the action's ActionID it would pass for a late answer
        else:
            super()._answered(message)

    def _handle_event(self, event: Any) -> None:
        if event.headers.get("Uniqueid") != self.channel_id:
            return
        if event.name == "OriginateResponse" and not self.result.called:
            self.result.callback(_RESULTS.get(event.headers.get("Reason", ""), CallResult.FAILED))
        elif event.name == "Hangup" and not self.cause.called:
            self.cause.callback(event.headers.get("Cause", ""))

    def _link_lost(self, why: str) -> str:
        if not self.result.called:
            self.result.callback(None)
        if not self.cause.called:
            self.cause.callback("")
        return why


class Originator:
    """Makes calls that begin in the dialplan's `cc-bridge-callback` once they are answered."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        credentials: tuple[str, str],
        outgoing: OriginateSettings,
        clock: IReactorTime,
        timeouts: AmiTimeouts | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._outgoing = outgoing
        self._clock = clock
        self._timeouts = timeouts or AmiTimeouts()

    async def call(self, number: str, about: str) -> CallResult:
        """Call a number about an earlier call, named by its uniqueid; return what came of it.

        Returns when the call is answered or is no more. Raises ValueError for what is no number or no
        uniqueid, AmiError when Asterisk cannot be asked or does not say what came of it.
        """
        if not dialable(number):
            raise ValueError("not a number that can be dialled")
        if not _UNIQUEID.fullmatch(about):
            raise ValueError("not a uniqueid")
        session = _OriginateSession(self._clock, self._timeouts)
        try:
            await connectProtocol(self._endpoint, session)
        except Exception as error:  # refused, unreachable: Twisted has no common base for them
            raise AmiLinkLost(str(error) or type(error).__name__) from error
        try:
            await session.login(*self._credentials)
            await session.action("Originate", **self._headers(number, about, session.channel_id))
            limit = self._outgoing.ring_seconds + LATE_SECONDS
            result = await session.result.addTimeout(limit, self._clock, _nothing_told)
            if result is None:
                raise AmiLinkLost("the link was lost before Asterisk said what came of a call")
            if result is CallResult.FAILED:
                cause = await session.cause.addTimeout(CAUSE_SECONDS, self._clock, _no_cause)
                result = CallResult.BUSY if cause == _BUSY_CAUSE else result
            return result
        finally:
            session.close("the call is over")

    def _headers(self, number: str, about: str, channel_id: str) -> dict[str, str]:
        headers = {
            "Channel": self._outgoing.channel.replace(NUMBER, number),
            "ChannelId": channel_id,
            "Context": CONTEXT,
            "Exten": "s",
            "Priority": "1",
            "Timeout": str(round(self._outgoing.ring_seconds * 1000)),
            "Variable": f"{VARIABLE}={about}",
            "Async": "true",
        }
        if self._outgoing.caller_id:
            headers["CallerID"] = self._outgoing.caller_id
        return headers


def _nothing_told(_result: object, seconds: float) -> None:
    raise AmiTimeout(f"Asterisk did not say within {seconds:g} s what came of a call")


def _no_cause(_result: object, _seconds: float) -> str:
    """Give up waiting: where Asterisk could not even make a channel, none hangs up."""
    return ""
