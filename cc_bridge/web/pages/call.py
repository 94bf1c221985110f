"""The page of one call at /calls/PBX/CALL_ID: its journey through queues and agents, and its survey."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from twisted.internet.defer import Deferred

from cc_bridge.customers.call_journey import CallJourney
from cc_bridge.customers.recording_address import address, fields_of_call
from cc_bridge.records import Answer as SurveyAnswer
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.addresses import agent_address, comment_address, customer_address
from cc_bridge.web.pages.arguments import stored_name
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.shown import Shown, tel
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageError, PageVisit
from cc_bridge.web.pages.worded_page import WordedPage, Wording

__all__ = ["CallPage", "ReadJourney", "Step", "steps"]

ReadJourney = Callable[[str, str], Deferred[CallJourney | None]]
"""A function that reads all records of a call, by PBX and call id."""


class Step(NamedTuple):
    """One step of a call as the page shows it.

    at: the start of the step, in UTC seconds since the epoch
    kind: wait, ring, talk, decision, survey, answer or follow_up
    seconds: its length; None for an instant
    text: what happened, in the visitor's language
    comment: the survey answer that is a spoken comment
    """

    at: float
    kind: str
    queue: str
    agent: str
    seconds: float | None
    text: str
    comment: SurveyAnswer | None = None


class CallPage(WordedPage):
    """The page of one call.

    `recordings` returns the template of the addresses of the PBX's recordings; it is empty if the page has no
    link to them. `sounds` returns whether recordings of spoken comments are files of this machine.
    """

    name = "call"
    role = Role.LEAD
    longest_path = 2

    def __init__(
        self,
        host: PageHost,
        wording: Wording,
        read: ReadJourney,
        recordings: Callable[[], str],
        sounds: Callable[[], bool],
    ) -> None:
        super().__init__(host, wording)
        self._read = read
        self._recordings = recordings
        self._sounds = sounds

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        if len(visit.path) != self.longest_path:
            raise PageError(404, "there is no such call")
        pbx, call_id = map(stored_name, visit.path)

        def answer(journey: CallJourney | None) -> Answer:
            if journey is None:
                raise PageError(404, "there is no such call, or it has not ended")
            seen = journey.seen_by(visit.visitor.sees)
            if seen is None:
                raise PageError(403, "this call belongs to another lead")
            return self._html(visit, seen)

        return self._read(pbx, call_id).addCallback(answer)

    def _html(self, visit: PageVisit, journey: CallJourney) -> Answer:
        shown = self.shown(visit)
        queue = journey.call.queue if journey.call else next((each.queue for each in journey.visits), "")
        fields = fields_of_call(
            journey.pbx, journey.call_id, journey.uniqueid, queue, journey.started_at,
            shown.wording.days.zone,
        )  # fmt: skip
        values = {
            "shown": shown,
            "journey": journey,
            "steps": sorted(steps(journey, shown), key=lambda step: step.at),
            "recording": address(self._recordings(), fields),
            "sounds": self._sounds(),
            "agent_address": agent_address,
            "comment_address": comment_address,
            "customer_address": customer_address,
            "tel": tel,
        }
        return HtmlAnswer("call.html.j2", values)


def steps(journey: CallJourney, shown: Shown) -> Iterator[Step]:
    """Yield the steps of a call, those of one kind in order of time."""
    words = shown.words
    for visit in journey.visits:
        told = shown.word(visit.outcome, "outcome")
        if visit.outcome == "abandoned" and visit.ringing:
            told += f" · {words['while_ringing']}"
        yield Step(visit.entered_at, "wait", visit.queue, "", visit.wait_seconds, told)
    for ring in journey.rings:
        told = shown.word(ring.outcome, "ring")
        yield Step(ring.started_at, "ring", ring.queue, ring.agent, ring.ring_seconds, told)
    for talk in journey.talks:
        parts = [words["ended_by"].format(who=shown.word(talk.ended_by, "ended"))]
        if talk.holds:
            held = words["held"].format(n=shown.count(talk.holds), time=shown.time(talk.hold_seconds))
            parts.append(held)
        if talk.transfer:
            target = {"target": talk.transfer_target or words["somebody"]}
            parts.append(words[f"transfer_{talk.transfer}"].format(**target))
        if talk.partial:
            parts.append(words["partial"])
        yield Step(talk.answered_at, "talk", talk.queue, talk.agent, talk.talk_seconds, " · ".join(parts))
    for each in journey.decisions:
        told = shown.word(each.stage, "stage")
        yield Step(each.decided_at, "decision", each.queue, each.agent, None, told)
    for missed in journey.not_routed:
        yield Step(missed.ended_at, "decision", missed.queue, missed.agent, None, words["not_routed"])
    yield from _survey(journey, shown)


def _survey(journey: CallJourney, shown: Shown) -> Iterator[Step]:
    words = shown.words
    for attempt in journey.attempts:
        told = shown.word(attempt.result, "survey") + (
            f" ({shown.word(attempt.reason, 'survey')})" if attempt.reason else ""
        )
        length = None if attempt.ended_at is None else attempt.ended_at - attempt.started_at
        yield Step(attempt.started_at, "survey", attempt.queue, attempt.agent, length, told)
    for answer in sorted(journey.answers, key=lambda each: each.answered_at):
        told = f"{shown.question(answer.question)}: {shown.answer(answer)}"
        comment = answer if answer.kind == "comment" else None
        yield Step(answer.answered_at, "answer", answer.queue, answer.agent, None, told, comment)
    for each in journey.follow_ups:
        own = (each.pbx, each.call_id) == (journey.pbx, journey.call_id)
        told = f"{shown.word(each.reason, 'reason')}: {shown.detail(each)}" if own else words["linked"]
        who = each.closed_by or each.taken_by
        told += f" · {shown.word(each.state, 'state')}" + (f": {who}" if who else "")
        at = each.opened_at if own else (each.linked_at or each.opened_at)
        yield Step(at, "follow_up", each.queue, "", None, told)
