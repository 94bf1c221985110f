"""The operations of /api/customers/NUMBER, and the history of a customer."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cc_bridge.customers.csv_import import LONGEST, check
from cc_bridge.follow_ups.follow_up import FollowUpReason, FollowUpState
from cc_bridge.records import Outcome
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import (
    Arguments,
    Body,
    DocumentedAnswer,
    NoArguments,
    NoBody,
    Operation,
)

__all__ = ["READ_CUSTOMER", "STORE_CUSTOMER", "CustomerBody", "CustomerHistory"]

_TAG = "customers"
_LONGEST_BODY = 4096  # bytes


class CustomerParts(Arguments):
    """The varying part of the path."""

    number: str = Field(
        description="a phone number, as people write it; `callers.country_code` or `customers.region`"
        " supplies the country",
        examples=["+989121234567"],
    )


class CustomerBody(Body):
    """The id and the name of a customer; at least one of them is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"minLength": 1}}}
                for name in ("customer_id", "name")
            ]
        }
    )

    customer_id: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=LONGEST["customer_id"])
    ] = Field("", description="the customer's id in the CRM, without control characters")
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST["name"])] = Field(
        "", description="the customer's name, without control characters"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if reason := check(self.customer_id, self.name):
            raise ValueError(reason)
        return self


class _Entry(BaseModel):
    at: AwareDatetime = Field(description="in UTC")
    pbx: str
    call_id: str
    queue: str


class VisitEntry(_Entry):
    """The customer waited in a queue."""

    kind_of_entry: Literal["visit"]
    outcome: Outcome
    wait_seconds: float
    agent: str
    managed: Literal["", "recalled", "self_served", "not_managed", "open"] = Field(
        description="what became of a lost call; `open`: nothing yet, and 24 h are not over; empty if it was"
        " answered"
    )
    managed_by: str = Field(description="agent of the later call")
    managed_seconds: float | None = Field(description="from the loss to the later answer")


class TalkEntry(_Entry):
    """The customer talked with an agent."""

    kind_of_entry: Literal["talk"]
    direction: str
    agent: str
    talk_seconds: float
    hold_seconds: float
    ended_by: str
    transfer_target: str


class RatingEntry(_Entry):
    """The customer answered a question of a survey."""

    kind_of_entry: Literal["rating"]
    survey: str
    question: str
    kind: str = Field(description="kind of the question, such as `csat`")
    value: int = Field(description="the answer; of a spoken comment its seconds")
    label: str
    agent: str
    recording: str
    attempt_id: str


class FollowUpEntry(_Entry):
    """A follow-up of the customer; `at` is the instant of its cause."""

    kind_of_entry: Literal["follow_up"]
    follow_up_id: str
    reason: FollowUpReason
    detail: str
    owner: str
    due_at: AwareDatetime
    state: FollowUpState
    by: str = Field(description="who has closed it, otherwise who has taken it")
    closed_at: AwareDatetime | None
    outcome: str
    linked_call_id: str = Field(description="the next answered call with the customer")


class CustomerHistory(BaseModel):
    """The history of a customer, newest first."""

    version: Literal[1] = Field(description="version of this format; fields may be added within a version")
    customer_id: str = Field(description="as the CRM sent it; empty if it sent none")
    name: str = Field(description="as the CRM sent it; empty if it sent none")
    numbers: int = Field(description="how many numbers of the customer are known")
    more: bool = Field(
        description="whether there are older entries than those of 500 visits, talks and surveys"
    )
    timeline: list[
        Annotated[VisitEntry | TalkEntry | RatingEntry | FollowUpEntry, Field(discriminator="kind_of_entry")]
    ]


_SHARED = "`customers.shared_numbers` has this number: many people call from it"

READ_CUSTOMER = Operation(
    "readCustomer",
    "GET",
    "/api/customers/{number}",
    _TAG,
    "What happened with a customer, newest first",
    "Numbers with the same `customer_id` are one customer. A lead gets only entries of the own queues.",
    Admission.LEAD,
    NoArguments,
    NoBody,
    (DocumentedAnswer(200, "The history.", CustomerHistory, ("application/json",), "customer.json"),),
    {404: "this is not a phone number; for a lead also: no entry in the own queues", 409: _SHARED},
    CustomerParts,
    is_limited=True,
)
STORE_CUSTOMER = Operation(
    "storeCustomer",
    "PUT",
    "/api/customers/{number}",
    _TAG,
    "Store the id and the name of a customer",
    "Names are stored only if `callers.number_storage` keeps whole numbers.",
    Admission.ADMIN,
    NoArguments,
    CustomerBody,
    (DocumentedAnswer(204, "Id and name are stored."),),
    {404: "this is not a phone number", 409: _SHARED},
    CustomerParts,
    _LONGEST_BODY,
    {"customer_id": "C-1", "name": "Zahra"},
    is_limited=True,
)
