"""The operations of /api/follow-ups: the list, and the actions on a follow-up."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from cc_bridge.follow_ups.follow_up import (
    LONGEST_NAME,
    LONGEST_TEXT,
    Action,
    FollowUpReason,
    FollowUpState,
)
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import (
    COMMAS,
    Arguments,
    Body,
    DocumentedAnswer,
    NoArguments,
    NoBody,
    Operation,
)
from cc_bridge.web.openapi.wallboard import TitleByLanguage

__all__ = ["ACT", "LIST_FOLLOW_UPS", "FollowUpsQuery"]

_TAG = "follow-ups"
_LONGEST_BODY = 16_384  # bytes; a text has 1,000 characters, each at most twelve bytes in JSON


class FollowUpsQuery(Arguments):
    """The arguments of /api/follow-ups."""

    owner: str = Field("", description="owner of the follow-ups; empty: all owners", examples=["sara"])
    state: Annotated[tuple[FollowUpState, ...], COMMAS] = Field(
        (FollowUpState.OPEN, FollowUpState.TAKEN),
        description="states of the follow-ups, separated by commas",
        examples=[["open", "taken"]],
    )


class FollowUpParts(Arguments):
    """The varying part of the path."""

    id: str = Field(description="`id` of the follow-up", examples=["44bdd1aff4e3b14c"])


class TakeBody(Body):
    """The name of the person who takes a follow-up."""

    by: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_NAME)] = Field(
        "",
        description="name of the person who acts. A program must send it, and a session of the token. With a"
        " user's log-in, the user's name is stored instead",
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT)] = Field(
        "", description="ignored"
    )


class CloseBody(TakeBody):
    """The name of the person who closes a follow-up, and the result or reason."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT)] = (
        Field(description="the result, or the reason of a dismissal")
    )


class LowRating(BaseModel):
    """The low rating that opened the follow-up."""

    kind: str
    value: int
    label: TitleByLanguage


class FollowUpItem(BaseModel):
    """One follow-up: a customer to be called back. Instants have the offset of `general.time_zone`."""

    id: str
    pbx: str
    reason: FollowUpReason
    detail: str = Field(description="the cause, such as `csat=1`")
    question_title: dict[str, str] = Field(description="title of the question by language; empty without one")
    rating: LowRating | None = Field(description="null if the reason is not a low rating")
    number: str = Field(description="in the form that `callers.number_storage` allows")
    name: str = Field(description="the customer's name from the CRM; empty if it is not known")
    queue: str
    queue_title: TitleByLanguage
    agent: str
    call_id: str = Field(description="the call that opened the follow-up")
    owner: str = Field(description="owner of the queue; empty if it has none")
    state: FollowUpState
    opened_at: AwareDatetime = Field(description="time of the cause")
    due_at: AwareDatetime
    overdue: bool
    taken_by: str
    taken_at: AwareDatetime | None
    closed_by: str
    closed_at: AwareDatetime | None
    outcome: str = Field(description="the result, or the reason of a dismissal")
    linked_pbx: str
    linked_call_id: str = Field(description="the next answered call with the customer")
    linked_at: AwareDatetime | None
    customer_page: str = Field(description="address of the customer's page")
    call_page: str = Field(description="address of the call's page")
    comment: str = Field(description="address of the call's spoken comment; empty without one")
    plays: bool = Field(description="false if the address in `comment` redirects to another machine")


class LoggedInUser(BaseModel):
    """The sender of the request: a person, or a program, whose `name` is empty."""

    name: str
    role: Role


class FollowUps(BaseModel):
    """The follow-ups, the soonest due first."""

    version: Literal[1] = Field(description="version of this format; fields may be added within a version")
    at: AwareDatetime
    user: LoggedInUser
    follow_ups: list[FollowUpItem] = Field(max_length=200)
    more: bool = Field(description="whether there are others than these 200")


class FollowUpConflict(BaseModel):
    """The reason why the action is not possible now."""

    error: str = Field(description="such as `follow-up 44bdd1af is already taken, by Ali`")
    follow_up: FollowUpItem


LIST_FOLLOW_UPS = Operation(
    "listFollowUps",
    "GET",
    "/api/follow-ups",
    _TAG,
    "Customers to be called back",
    "At most 200 follow-ups, the soonest due first. A lead gets those of the own queues.",
    Admission.LEAD,
    FollowUpsQuery,
    NoBody,
    (DocumentedAnswer(200, "The follow-ups.", FollowUps, ("application/json",), "follow_ups.json"),),
    is_limited=True,
)

_SUMMARIES = {
    Action.TAKE: "Take a follow-up: say that you are calling back",
    Action.DONE: "Close a follow-up with its result",
    Action.DISMISS: "Close a follow-up without a call, with the reason",
}
ACT = {
    action: Operation(
        f"{action}FollowUp",
        "POST",
        f"/api/follow-ups/{{id}}/{action}",
        _TAG,
        summary,
        "A lead acts only on follow-ups of the own queues. Write no more about the customer than the next"
        " colleague needs.",
        Admission.LEAD,
        NoArguments,
        TakeBody if action is Action.TAKE else CloseBody,
        (
            DocumentedAnswer(
                200, "The follow-up after the action.", FollowUpItem, ("application/json",), "follow_up.json"
            ),
            DocumentedAnswer(
                409,
                "A colleague was first: the follow-up is in a state in which this action is not possible.",
                FollowUpConflict,
                ("application/json",),
                "conflict.json",
            ),
        ),
        {404: "there is no such follow-up"},
        FollowUpParts,
        _LONGEST_BODY,
        {"by": "Ali"} if action is Action.TAKE else {"by": "Ali", "text": "called back, solved"},
        is_limited=True,
    )
    for action, summary in _SUMMARIES.items()
}
