"""Outgoing calls by the AMI action Originate, each in a short AMI session of its own.

Calls are rare, and no state is needed between two calls, so a session lasts for one call. The manager user of
these sessions is the only one that may dial. The daemon's other manager user, which receives the events, may
not.

A number comes from a caller and becomes part of the dialled channel, so only digits with an optional + are
accepted.

The event OriginateResponse reports a busy line with Reason 0, like any failure (16.28 and 22.10, PJSIP and
Local). Only the event Hangup of the channel shows that the line was busy, by cause 17. Hangup can come before
or after OriginateResponse.
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
from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import Event
from cc_bridge.errors import AmiLinkLost, AmiTimeout
from cc_bridge.surveys.callback import CallResult, dialable

__all__ = ["CHANNEL_ID", "CONTEXT", "NUMBER", "OriginateSettings", "Originator"]

CONTEXT = "cc-bridge-callback"  # in extensions_cc_bridge.conf
VARIABLE = "CCB_CALL"
NUMBER = "{number}"  # placeholder of the number in the channel's template
CHANNEL_ID = "ccb-"  # start of these calls' Uniqueid; the manager user's event filter admits no other

LATE_SECONDS = 10.0  # timeout of the result, from the latest end of the ringing
CAUSE_SECONDS = 3.0  # timeout of the Hangup: two ping intervals, because Asterisk may hold it back
_BUSY_CAUSE = "17"  # Q.850
_UNIQUEID = re.compile(r"[A-Za-z0-9_.:-]{1,150}")  # the PBX's system name, a time and a counter

_RESULTS: Mapping[str, CallResult] = {
    "4": CallResult.ANSWERED,
    "5": CallResult.BUSY,  # from Busy() in the dialplan
    "3": CallResult.NO_ANSWER,
}
"""The result for each Reason of OriginateResponse (a control frame's number); any other one is a failure."""


@dataclass(frozen=True, slots=True)
class OriginateSettings:
    """The settings of outgoing calls.

    channel: template such as `PJSIP/{number}@trunk` or `Local/{number}@from-internal/n`
    caller_id: the caller ID that the called party sees; empty: Asterisk's default
    """

    channel: str
    caller_id: str = ""
    ring_seconds: float = 30.0


class _OriginateSession(AmiClient):
    """The AMI session of one outgoing call.

    `result` fires with the result of the call, or with None if the link is lost. `cause` fires with the
    hangup cause (Q.850) of the call's channel, or with an empty text if the link is lost.
    """

    def __init__(self, clock: IReactorTime, timeouts: AmiTimeouts) -> None:
        super().__init__(Codec(), self._handle_event, clock, timeouts)
        self.channel_id = CHANNEL_ID + token_hex(8)
        self.result: Deferred[CallResult | None] = Deferred()  # None: the link was lost
        self.cause: Deferred[str] = Deferred()
        self.lost.addCallback(self._link_lost)

    def _answered(self, message: Any) -> None:
        """Handle a message with an ActionID.

        OriginateResponse is handled as an event, although it has the ActionID of its action.
        """
        if isinstance(message, Event) and message.name == "OriginateResponse":
            self._handle_event(message)  # otherwise its ActionID would make it a late answer
        else:
            super()._answered(message)

    def _handle_event(self, event: Any) -> None:
        """Handle an event: an OriginateResponse fires `result`, and a Hangup fires `cause`.

        An event about another channel than the call's is ignored.
        """
        if event.headers.get("Uniqueid") != self.channel_id:
            return
        if event.name == "OriginateResponse" and not self.result.called:
            self.result.callback(_RESULTS.get(event.headers.get("Reason", ""), CallResult.FAILED))
        elif event.name == "Hangup" and not self.cause.called:
            self.cause.callback(event.headers.get("Cause", ""))

    def _link_lost(self, why: str) -> str:
        """Fire `result` with None and `cause` with an empty text, because the link was lost.

        Return the reason `why` unchanged, for the next callback of the same Deferred.
        """
        if not self.result.called:
            self.result.callback(None)
        if not self.cause.called:
            self.cause.callback("")
        return why


class Originator:
    """The dialler of one PBX, which makes outgoing calls.

    An answered call starts in the dialplan's context `cc-bridge-callback`.
    """

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
        """Call a number, and return the result when the call is answered or has failed.

        `about` is the Uniqueid of the earlier call that is the reason for this call; the dialplan receives
        it. Raises ValueError for an invalid number or Uniqueid. Raises AmiError if Asterisk cannot be reached
        or does not report a result.
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
            result = await session.result.addTimeout(limit, self._clock, _no_result)
            if result is None:
                raise AmiLinkLost("the link was lost before Asterisk reported the result of a call")
            if result is CallResult.FAILED:
                cause = await session.cause.addTimeout(CAUSE_SECONDS, self._clock, _no_cause)
                result = CallResult.BUSY if cause == _BUSY_CAUSE else result
            return result
        finally:
            session.close("the session is no longer needed")

    def _headers(self, number: str, about: str, channel_id: str) -> dict[str, str]:
        """Return the headers of the Originate action that dials `number`.

        `about` is the Uniqueid of the earlier call that is the reason for this call. `channel_id` becomes the
        Uniqueid of the new channel.
        """
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


def _no_result(_result: object, seconds: float) -> None:
    """Raise AmiTimeout, because Asterisk did not report the result of a call."""
    raise AmiTimeout(f"Asterisk did not report the result of a call within {seconds:g} s")


def _no_cause(_result: object, _seconds: float) -> str:
    """Return an empty hangup cause, because no event Hangup arrived in time.

    Asterisk sends no Hangup if it could not make a channel.
    """
    return ""
