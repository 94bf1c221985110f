"""The JSON API of follow-ups: GET /api/follow-ups, and POST to /api/follow-ups/ID/ACTION.

ACTION is take, done or dismiss. If two people act on the same follow-up, the second one gets status 409 with
the current follow-up, which names the first person. A lead gets and changes only the follow-ups of the own
queues. The action of a person who has logged in by name is stored under this name. The page at /follow-ups
shows the list.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpState
from cc_bridge.reports.render.localization import LANGUAGES, Language, answer_labels
from cc_bridge.web.access.site_access import visitor_of
from cc_bridge.web.json_resource import JsonResource, as_bytes, usual_rate
from cc_bridge.web.openapi.follow_ups import ACT, LIST_FOLLOW_UPS
from cc_bridge.web.pages.addresses import call_address, comment_address, customer_address
from cc_bridge.web.rate_limit import LogLimiter
from cc_bridge.web.resources import AccessCheck, TreeResource, fault

__all__ = ["VERSION", "ActionResult", "FollowUpList", "FollowUpsResource"]

VERSION = 1


@dataclass(frozen=True, slots=True)
class FollowUpList:
    """Follow-ups as they are in the database at one moment, with the names of their customers."""

    follow_ups: tuple[FollowUp, ...]
    names: Mapping[str, str]  # caller key -> name of the customer
    more: bool = False  # the database has further matching follow-ups
    comments: Mapping[tuple[str, str], StoredComment] = field(default_factory=dict)  # by PBX and call id
    plays: bool = True  # recordings of comments are files of this machine


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The result of an action on a follow-up; the action may be to take, close or dismiss it.

    `refused` is the reason why the action is not possible; empty if the action was done. `now` has the
    follow-up after the action; None if there is no such follow-up. If the follow-up is of a queue whose
    follow-ups this person may not see, `foreign` is true and `now` is None.
    """

    refused: str
    now: FollowUpList | None
    foreign: bool = False


Queues = Collection[str] | None  # None means all queues
ReadFollowUps = Callable[[str, Collection[FollowUpState], Queues], Deferred[FollowUpList]]
QueueTitles = Callable[[str], Mapping[Language, str]]
QuestionTitles = Callable[[str], Mapping[str, str]]  # question id -> language -> title
ApplyAction = Callable[[str, Action, str, str, Queues], Deferred[ActionResult]]


class FollowUpsResource(TreeResource):
    """The resource /api/follow-ups, and below it the actions on each follow-up.

    `access` is the access check. `read` returns follow-ups; it gets their owner (empty for all owners), their
    states, and the queues to which they are limited. `move` does an action on a follow-up. It gets the
    follow-up's id, the action, the name of the person who acts, the result or reason that this person has
    entered, and the queues whose follow-ups this person may change. `now` returns UTC seconds since the
    epoch. `zone` returns the contact centre's time zone. `titles` returns a queue's title in each language;
    by default each title is the queue's name. `question_titles` returns a question's title in each language
    that has one; by default no language has one.
    """

    def __init__(
        self,
        access: AccessCheck,
        read: ReadFollowUps,
        move: ApplyAction,
        now: Callable[[], float],
        zone: Callable[[], tzinfo | None],
        clock: IReactorTime,
        titles: QueueTitles = lambda queue: dict.fromkeys(LANGUAGES, queue),
        question_titles: QuestionTitles = lambda _question: {},
    ) -> None:
        self.access = access
        self.move = move
        self.clock = clock
        self.rate = usual_rate()
        self.refused_lines = LogLimiter(clock.seconds)
        self.shown = _FollowUpJson(now, zone, titles, question_titles)
        super().__init__(_ListResource(self, read))

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802  # Twisted's
        name = path.decode("ascii", "replace")
        return TreeResource(None, **{move.value: _ActionResource(self, name, move) for move in Action})


class _FollowUpJson:
    """A converter from follow-ups to JSON objects.

    Instants become texts in the contact centre's time zone, with the offset from UTC.
    """

    def __init__(
        self,
        now: Callable[[], float],
        zone: Callable[[], tzinfo | None],
        titles: QueueTitles,
        question_titles: QuestionTitles,
    ) -> None:
        self.now = now
        self._zone = zone
        self._titles = titles
        self._question_titles = question_titles

    def each(self, listed: FollowUpList) -> list[dict[str, Any]]:
        return [self._one(follow_up, listed) for follow_up in listed.follow_ups]

    def _one(self, one: FollowUp, listed: FollowUpList) -> dict[str, Any]:
        said = listed.comments.get((one.pbx, one.call_id))
        return {
            "id": one.follow_up_id,
            "pbx": one.pbx,
            "reason": str(one.reason),
            "detail": one.detail,
            "question_title": self._question_titles(one.detail.partition("=")[0]),
            "rating": self._rating(one),
            "number": one.number,
            "name": listed.names.get(one.caller_key, ""),
            "queue": one.queue,
            "queue_title": self._titles(one.queue),
            "agent": one.agent,
            "call_id": one.call_id,
            "owner": one.owner,
            "state": one.state.value,
            "opened_at": self.instant(one.opened_at),
            "due_at": self.instant(one.due_at),
            "overdue": one.overdue(self.now()),
            "taken_by": one.taken_by,
            "taken_at": self.instant(one.taken_at),
            "closed_by": one.closed_by,
            "closed_at": self.instant(one.closed_at),
            "outcome": one.outcome,
            "linked_pbx": one.linked_pbx,
            "linked_call_id": one.linked_call_id,
            "linked_at": self.instant(one.linked_at),
            "customer_page": customer_address(one.caller_key),
            "call_page": call_address(one.pbx, one.call_id),
            "comment": comment_address(said.pbx, said.attempt_id, said.question) if said else "",
            "plays": listed.plays,
        }

    def _rating(self, one: FollowUp) -> dict[str, Any] | None:
        """Return the low rating that caused the follow-up, with its label in each language.

        None means that the follow-up has another cause.
        """
        if one.rating is None:
            return None
        kind, value = one.rating
        return {"kind": kind, "value": value, "label": answer_labels(kind, value)}

    def instant(self, at: float | None) -> str | None:
        """Return an instant as ISO 8601 text with the offset from UTC; None if `at` is None.

        `at` is in UTC seconds since the epoch.
        """
        if at is None:
            return None
        zone = self._zone()
        return datetime.fromtimestamp(at, zone).astimezone(zone).isoformat(timespec="seconds")


class _ListResource(JsonResource):
    """The list of follow-ups: GET /api/follow-ups."""

    subject = "follow-ups"
    operations = (LIST_FOLLOW_UPS,)

    def __init__(self, parent: FollowUpsResource, read: ReadFollowUps) -> None:
        super().__init__(parent.clock, parent.rate, parent.access, parent.refused_lines)
        self._read = read
        self._shown = parent.shown

    def answer(self, request: Request) -> bytes | int:
        if refused := self.refused(request, "follow-ups"):
            return refused
        asked = LIST_FOLLOW_UPS.query_of(request)
        visitor = visitor_of(request)
        if visitor.queues is not None and asked.owner not in ("", visitor.name):
            return fault(request, 403, "these follow-ups belong to another lead")

        def found(listed: FollowUpList) -> bytes:
            return as_bytes(
                {
                    "version": VERSION,
                    "at": self._shown.instant(self._shown.now()),
                    "user": {"name": visitor.name, "role": str(visitor.role)},
                    "follow_ups": self._shown.each(listed),
                    "more": listed.more,
                }
            )

        return self.later(
            request, self._read(asked.owner, set(asked.state), visitor.queues).addCallback(found)
        )


class _ActionResource(JsonResource):
    """The resource of one action on one follow-up: POST /api/follow-ups/ID/ACTION."""

    subject = "follow-up"

    def __init__(self, parent: FollowUpsResource, follow_up_id: str, move: Action) -> None:
        super().__init__(parent.clock, parent.rate, parent.access, parent.refused_lines)
        self._parent = parent
        self._id = follow_up_id
        self._move = move
        self.operations = (ACT[move],)

    def answer(self, request: Request) -> bytes | int:
        if refused := self.refused(request, "follow-ups"):
            return refused
        said = ACT[self._move].body_of(request)
        visitor = visitor_of(request)

        def moved(move: ActionResult) -> bytes:
            if move.foreign:
                return fault(request, 403, "the queue of this follow-up belongs to another lead")
            if move.now is None:
                return fault(request, 404, "there is no such follow-up")
            (shown,) = self._parent.shown.each(move.now)
            if move.refused:
                request.setResponseCode(409)
                shown = {"error": move.refused, "follow_up": shown}
            return as_bytes(shown)

        def wrong(failure: Failure) -> bytes:
            failure.trap(FollowUpError)
            return fault(request, 400, str(failure.value))

        by = visitor.name or said.by
        answer = self._parent.move(self._id, self._move, by, said.text, visitor.queues)
        return self.later(request, answer.addCallbacks(moved, wrong))
