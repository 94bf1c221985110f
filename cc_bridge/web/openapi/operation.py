"""The definition of an operation of the HTTP API: a method at a path, its arguments and its answers.

A request is checked against the definition of its operation. The document /api/openapi.json is made from the
same definition, so the document and the checks cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from twisted.web.http import Request

from cc_bridge.errors import CcBridgeError
from cc_bridge.safe_text.printable import LONGEST_LINE, printable, shortened
from cc_bridge.web.openapi.admission import Admission

__all__ = [
    "COMMAS",
    "Arguments",
    "Body",
    "DocumentedAnswer",
    "NoArguments",
    "NoBody",
    "Operation",
    "WrongRequest",
    "is_list",
]


class WrongRequest(CcBridgeError):
    """Error: a request does not fit the definition of its operation; `code` is the HTTP status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Arguments(BaseModel):
    """Base class of the arguments in a path or a query. Arguments with an unknown name are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Body(BaseModel):
    """Base class of the JSON object in the body of a request. A member with an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoArguments(Arguments):
    """The arguments of an operation that has none."""


class NoBody(Body):
    """The body of an operation that needs none; whatever is sent is ignored."""


def _split(values: object) -> object:
    """Split each text of a list at its commas; return anything but a list unchanged."""
    if not isinstance(values, list | tuple):
        return values
    return [part for value in values for part in (value.split(",") if isinstance(value, str) else (value,))]


COMMAS = BeforeValidator(_split)
"""The mark of a list in a query whose values are separated by commas: `state=open,taken`."""


@dataclass(frozen=True, slots=True)
class DocumentedAnswer:
    """One documented answer to a request.

    code: the HTTP status
    text: what the answer means
    model: the JSON object in the body; None for a body that is not JSON
    types: the content types of the body; JSON is one of them if there is a `model`
    example: name of the file in `examples/` with a body, or the text of a body that is not JSON
    headers: the headers of the answer by name, with their meaning
    """

    code: int
    text: str
    model: type[BaseModel] | None = None
    types: tuple[str, ...] = ()
    example: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


QueryT = TypeVar("QueryT", bound=Arguments)
BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True, slots=True)
class Operation(Generic[QueryT, BodyT]):
    """The definition of an operation.

    name: a unique name for programs
    path: the URL path, with a name in braces for each part that varies
    summary, description: what the operation does, for people
    query: the arguments in the query of the URL
    body: the JSON object in the body of the request
    answers: the answers to a request that succeeds
    errors: texts of errors by HTTP status; those of errors that follow from other fields may be left out
    parts: the varying parts of the path
    longest_body: bytes of the longest body; 0 for an operation without a body
    body_example: an example of a body
    is_limited: the operation needs the database; errors are 429 for too many requests of one address, and 503
        for a database that is too slow
    error_types: the content types of errors
    """

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    access: Admission
    query: type[QueryT]
    body: type[BodyT]
    answers: tuple[DocumentedAnswer, ...]
    errors: Mapping[int, str] = field(default_factory=dict)
    parts: type[Arguments] = NoArguments
    longest_body: int = 0
    body_example: Mapping[str, object] = field(default_factory=dict)
    is_limited: bool = False
    error_types: tuple[str, ...] = ("text/plain",)

    def query_of(self, request: Request) -> QueryT:
        """Return the arguments in the query of a request. Raises WrongRequest (400) if one is wrong."""
        values = request.args or {}
        return self.arguments(
            {
                name.decode("utf-8", "replace"): [each.decode("utf-8", "replace") for each in found]
                for name, found in values.items()
            }
        )

    def arguments(self, values: Mapping[str, Sequence[str]]) -> QueryT:
        """Return the arguments with these values by name. Raises WrongRequest (400) if one is wrong.

        An empty value is no value. Of several values of an argument that is not a list, the last one counts.
        """
        given: dict[str, object] = {}
        for name, info in self.query.model_fields.items():
            if found := [each for each in values.get(info.alias or name, ()) if each]:
                given[info.alias or name] = found if is_list(info) else found[-1]
        try:
            return self.query.model_validate(given)
        except ValidationError as error:
            raise WrongRequest(400, _faults(error)) from None

    def body_of(self, request: Request) -> BodyT:
        """Return the object in the body of a request, whatever content type its header names.

        Raises WrongRequest: 413 for a body that is too long, 400 for one that is no JSON object as defined.
        """
        content: Any = request.content
        body: bytes = content.read(self.longest_body + 1)
        if len(body) > self.longest_body:
            raise WrongRequest(413, f"the body has more than {self.longest_body} bytes")
        try:
            return self.body.model_validate_json(body)
        except ValidationError as error:
            raise WrongRequest(400, _faults(error)) from None


def is_list(info: FieldInfo) -> bool:
    """Return whether an argument may have several values."""
    kinds = {
        get_origin(each) for each in (info.annotation, *get_args(info.annotation)) if each is not NoneType
    }
    return tuple in kinds


def _words(message: str) -> str:
    """Return a message of pydantic as the messages of this project are worded."""
    return message.removeprefix("Value error, ").replace("Input should be", "must be", 1)


def _faults(error: ValidationError) -> str:
    """Return all faults of a request in one line, without the values that the request has."""
    found = (
        f"{'.'.join(map(str, each['loc'])) or 'the body'}: {_words(each['msg'])}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return shortened(printable("; ".join(dict.fromkeys(found))), LONGEST_LINE)
