"""The talks that a survey rates: observed over AMI, or described by the dialplan.

The dialplan may request the survey before the AMI event that ends the talk has arrived, because Asterisk (up
to 22.10) can hold events back. So the daemon sends a ping, which makes Asterisk send these events. The
decision waits for them, and a caller who waits long hears a prompt. If no event arrives, the survey rates the
agent named in the dialplan's argument, and the survey's record says so.

Any program that reaches the FastAGI port can request a survey. So while calls are observed, answers on a
channel that Asterisk never announced rate no agent. A talk in progress is not rated, because its caller
cannot be in a survey.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.agi.script_arguments import ScriptArguments
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import AttributedBy, EndedBy
from cc_bridge.surveys.attribution import Attribution, Segment
from cc_bridge.web.rate_limit import LogLimiter

__all__ = ["CONSULTATION", "STILL_TALKING", "Link", "RatedTalks", "RatedTalksFinder", "segments_of"]

_log = Logger()

_SILENT_SECONDS = 0.6  # longest silence before the prompt; a caller must not hear silence for a second
_POLL_SECONDS = 0.05


class Link(Protocol):
    """The part of the AMI link that survey decisions use; `up` is True while calls are observed."""

    up: bool

    def pbx_now(self) -> float:
        """Return the PBX's clock in UTC seconds."""

    def flush(self) -> Deferred[bool]:
        """Make Asterisk send the events that it holds back.

        The Deferred fires with True when these events have been handled, with False if the link is lost.
        """


@dataclass(frozen=True, slots=True)
class RatedTalks:
    """The talks of a caller before the survey, which the survey rates.

    `attribution` has the agents and queues of all these talks. `talk_seconds` and `ended_by` describe the
    last talk only.
    """

    attribution: Attribution
    talk_seconds: float
    ended_by: EndedBy
    uniqueid: str  # of the caller's channel, which may differ from the channel that requested the survey
    in_progress: bool = False  # caller and agent are still connected in the last talk


# The survey was requested on a consultation's channel, which has no caller to ask.
CONSULTATION = RatedTalks(Attribution("", []), 0.0, EndedBy.UNOBSERVED, "")
# The survey was requested on the channel of a caller who is still talking with the agent.
STILL_TALKING = RatedTalks(Attribution("", []), 0.0, EndedBy.UNOBSERVED, "", in_progress=True)


class RatedTalksFinder:
    """The object that finds the talks that a survey on a channel rates."""

    def __init__(self, tracker: Tracker, link: Link, clock: IReactorTime) -> None:
        self._tracker = tracker
        self._link = link
        self._clock = clock
        self._unknown_lines = LogLimiter(clock.seconds)

    async def is_announced(self, uniqueid: str) -> bool:
        """Return whether Asterisk has announced a channel; True as well while calls are not observed.

        An event about the channel may be on its way, so the method waits up to 1.2 s for it.
        """
        if not self._link.up or self._tracker.knows_channel(uniqueid):
            return True
        await self._has_caught_up()
        until = self._clock.seconds() + _SILENT_SECONDS
        while not self._tracker.knows_channel(uniqueid):
            if self._clock.seconds() >= until:
                self._log_unknown()
                return False
            await deferLater(self._clock, _POLL_SECONDS)
        return True

    async def find(
        self,
        request: Request,
        channel: AgiChannel,
        arguments: ScriptArguments,
        play_prompt: Callable[[], Awaitable[None]],
    ) -> RatedTalks | None:
        """Return the caller's talks as observed over AMI, or else as the dialplan's arguments describe them.

        The daemon sends a ping first. When Asterisk has answered it, all earlier events have been handled,
        and the observed talks are up to date. The method waits for the answer, up to 0.6 s. Then it waits for
        an observed talk that has ended, up to 0.6 s. If there is none by then, `play_prompt` is called and
        plays a prompt to the caller. After the prompt the method looks once more.

        If Asterisk does not answer the ping, the agent in the dialplan's arguments is preferred to the
        observed agent. If Asterisk never announced the channel, the result names no agent and no queue.

        The result is None if neither source names an agent. It is STILL_TALKING if Asterisk has answered the
        ping and the observed talk has not ended. It is CONSULTATION if an agent asks a colleague on this
        channel.
        """
        current = await self._has_caught_up()
        if self._link.up:
            silent_until = self._clock.seconds() + _SILENT_SECONDS
            while current:
                talked = self._observed(request.uniqueid)
                if talked is not None and not talked.in_progress:
                    return talked
                if self._clock.seconds() >= silent_until:
                    break
                await deferLater(self._clock, _POLL_SECONDS)
            await play_prompt()
            current = current or await self._has_caught_up()
        if self._link.up and not self._tracker.knows_channel(request.uniqueid):
            return self._without_agent(request) if arguments.interface else None
        call_id = await channel.get_full_variable("${CHANNEL(linkedid)}")
        talked = self._observed(request.uniqueid, call_id)
        if talked is not None and (current or not arguments.interface):
            return STILL_TALKING if talked.in_progress and current else talked
        if not arguments.interface:
            return None
        interface = arguments.interface
        name = self._tracker.members.name_of(interface) or interface
        segment = Segment(arguments.queue, name, interface)
        # The dialplan requests the survey when the agent has hung up. It does not know the length of the
        # talk, so the talk counts as long enough.
        attribution = Attribution(call_id, [segment], AttributedBy.CHANNEL)
        return RatedTalks(attribution, math.inf, EndedBy.AGENT, request.uniqueid)

    def _without_agent(self, request: Request) -> RatedTalks:
        """Return the result for a channel that Asterisk never announced; it names no agent and no queue.

        Its talk counts as long enough for a survey.
        """
        self._log_unknown()
        attribution = Attribution("", [Segment("", "", "")], AttributedBy.UNKNOWN_CHANNEL)
        return RatedTalks(attribution, math.inf, EndedBy.AGENT, request.uniqueid)

    def _log_unknown(self) -> None:
        """Log that surveys were requested on unknown channels, at most once a minute."""
        if times := self._unknown_lines.note():
            _log.warn(
                "{times} surveys were requested on a channel that Asterisk never announced; their answers are"
                " stored without an agent: does a program other than Asterisk reach agi.port (set"
                " agi.secret), or does the manager user not receive the event Newchannel?",
                times=times,
            )

    async def _has_caught_up(self) -> bool:
        """Make Asterisk send the events that it holds back, and wait up to 0.6 s for them.

        Return True if all these events have been handled in time, otherwise False. If the AMI link is down,
        return False immediately.
        """
        if not self._link.up:
            return False
        answered = self._link.flush()
        return await answered.addTimeout(_SILENT_SECONDS, self._clock, lambda _failure, _seconds: False)

    def _observed(self, uniqueid: str, linkedid: str = "") -> RatedTalks | None:
        """Return the observed talks that a survey on the channel `uniqueid` rates; None if there are none.

        `linkedid` is the id of the channel's call, empty if it is not known. Return `CONSULTATION` if an
        agent asks a colleague on this channel.
        """
        if self._link.up and not self._tracker.knows_channel(uniqueid):
            return None
        talks = self._tracker.talks
        call_id = self._tracker.call_rated_on(uniqueid, linkedid)
        if call_id is None:
            return CONSULTATION
        found = talks.memory.heard(call_id) or talks.memory.of_call(call_id)
        if not found:
            return None
        last = found[-1]
        ended_at = last.parted_at or self._link.pbx_now()
        attribution = Attribution(call_id, segments_of(found))
        customer = talks.customers.of_call(call_id)
        return RatedTalks(
            attribution,
            ended_at - last.answered_at,
            last.ending(),
            customer.uniqueid if customer is not None else last.uniqueid,
            in_progress=last.phase is TalkPhase.TALKING,
        )


def segments_of(talks: list[OpenTalk]) -> list[Segment]:
    """Return a segment (queue and agent) for each talk.

    A talk without a queue, for example after a transfer, gets the queue of the talk before it. If no earlier
    talk has a queue, the segment's queue is empty.
    """
    segments: list[Segment] = []
    for talk in talks:
        queue = talk.queue or (segments[-1].queue if segments else "")
        segments.append(Segment(queue, talk.member, talk.interface))
    return segments
