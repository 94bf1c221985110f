"""The document /api/openapi.json in the format OpenAPI 3.1, made from the definitions of operations."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from cc_bridge.web.connection import MAX_BODY_BYTES
from cc_bridge.web.openapi.admission import SCHEMES
from cc_bridge.web.openapi.operation import (
    COMMAS,
    Arguments,
    DocumentedAnswer,
    NoBody,
    Operation,
    is_list,
)

__all__ = ["AnyOperation", "document"]

AnyOperation = Operation[Any, Any]
_Json = dict[str, Any]

_ABOUT = """\
Figures and persons of a contact centre on Asterisk, as cc_bridge measures them.

`HEAD` is allowed wherever `GET` is. An argument with an empty value counts as missing, and an unknown
argument is ignored. JSON is UTF-8; null means unknown or no data, never 0. Fields may be added within a
`version`. An error is one line of plain text. An address may send 20 requests about persons immediately, and
then 5 a second. Any path can answer 405 for a method that is not here.

Behind a proxy with `http.user_header`, the proxy's header names the user instead of a session. If no token,
users or `http.user_header` are configured, this machine sees figures without a token.
"""

_TAGS = {
    "health": "For systemd, containers, load balancers, Prometheus, and programs that read this document.",
    "live figures": "The wallboard: figures of this moment and of today, without callers.",
    "reports": "The reports as files.",
    "customers": "For a CRM and team leads: the history of a customer, and the customer's id and name.",
    "follow-ups": "For team leads: customers to be called back.",
    "an agent's own figures": "With the key of the agent's own link; it shows no colleague.",
}


_ANYWHERE = {
    400: "the request is no valid HTTP",
    413: f"the body has more than {MAX_BODY_BYTES} bytes",
    414: "the address is too long",
    431: "the header is too long",
}


class _Schemas(GenerateJsonSchema):
    """The generator of schemas. It gives a field no title, because a title would only repeat the name."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


def document(operations: Iterable[AnyOperation], version: str) -> _Json:
    """Return the document about the operations of cc_bridge, whose version is `version`."""
    operations = list(operations)
    refs, schemas = _schemas(operations)
    paths: dict[str, _Json] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, refs, schemas)
    unnamed = {NoBody.__name__, *(kind.__name__ for one in operations for kind in (one.query, one.parts))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cc_bridge",
            "version": version,
            "summary": "Contact centre figures",
            "description": _ABOUT,
        },
        "servers": [{"url": "/", "description": "the daemon that sends this document"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in unnamed},
            "securitySchemes": dict(SCHEMES),
        },
    }


def _schemas(operations: Iterable[AnyOperation]) -> tuple[dict[Any, _Json], dict[str, _Json]]:
    """Return the reference to the schema of each model, and all schemas by name."""
    wanted: dict[Any, JsonSchemaMode] = {}
    for each in operations:
        wanted |= dict.fromkeys((each.query, each.parts, each.body), "validation")
        wanted |= dict.fromkeys((answer.model for answer in each.answers if answer.model), "serialization")
    made, found = models_json_schema(
        list(wanted.items()), ref_template="#/components/schemas/{model}", schema_generator=_Schemas
    )
    return {model: schema for (model, _), schema in made.items()}, found["$defs"]


def _operation(one: AnyOperation, refs: Mapping[Any, _Json], schemas: Mapping[str, _Json]) -> _Json:
    found: _Json = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary,
        "description": one.description,
        "security": one.access.security(changes=one.method != "GET"),
        "parameters": [*_parameters(one.parts, "path", schemas), *_parameters(one.query, "query", schemas)],
        "responses": {
            **{str(each.code): _answer(each, refs) for each in one.answers},
            **{str(code): _error(code, text, one.error_types) for code, text in _errors(one).items()},
        },
    }
    if one.body is not NoBody:
        content = {"schema": refs[one.body], "example": dict(one.body_example)}
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found


def _parameters(model: type[Arguments], place: str, schemas: Mapping[str, _Json]) -> list[_Json]:
    properties = schemas[model.__name__].get("properties", {})
    return [
        _parameter(info.alias or name, info, place, dict(properties[info.alias or name]))
        for name, info in model.model_fields.items()
    ]


def _parameter(name: str, info: FieldInfo, place: str, schema: _Json) -> _Json:
    if schema.get("default", "") is None:  # an argument that is missing, which no value in an address means
        schema.pop("default")
        schema |= next(each for each in schema.pop("anyOf") if each != {"type": "null"})
    found: _Json = {
        "name": name,
        "in": place,
        "required": info.is_required(),
        "description": schema.pop("description", ""),
        "schema": schema,
    }
    if examples := schema.pop("examples", None):
        found["example"] = examples[0]
    if is_list(info):
        found |= {"style": "form", "explode": COMMAS not in info.metadata}
    return found


def _answer(one: DocumentedAnswer, refs: Mapping[Any, _Json]) -> _Json:
    found: _Json = {"description": one.text}
    if one.headers:
        found["headers"] = {name: _header(text) for name, text in one.headers.items()}
    content: _Json = {}
    for kind in one.types:
        is_json = kind == "application/json"
        content[kind] = {"schema": refs[one.model] if is_json and one.model else _body_schema(kind)}
        if one.example and is_json:
            content[kind]["example"] = _example(one.example)
        elif one.example and kind == one.types[0]:
            content[kind]["example"] = one.example
    return found | ({"content": content} if content else {})


def _errors(one: AnyOperation) -> dict[int, str]:
    """Return the meaning of each error of an operation by HTTP status, in the order of the statuses."""
    found = {**_ANYWHERE, **one.access.refusals}
    if one.query.model_fields or one.body is not NoBody:
        found[400] = "an argument or the body is wrong, or the request is no valid HTTP; the text says why"
    if one.body is not NoBody:
        found[413] = f"the body has more than {one.longest_body} bytes"
    if one.is_limited:
        found[429] = "too many requests from this address"
        found[503] = "the database did not answer in time"
    return dict(sorted((found | dict(one.errors)).items()))


def _error(code: int, text: str, types: Iterable[str]) -> _Json:
    content: _Json = {kind: {"schema": {"type": "string"}} for kind in types}
    found: _Json = {"description": f"{text[0].upper()}{text[1:]}.", "content": content}
    if code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        found["headers"] = {"Retry-After": _header("seconds after which to try again", "integer")}
    return found


def _header(text: str, kind: str = "string") -> _Json:
    return {"description": text, "schema": {"type": kind}}


def _body_schema(kind: str) -> _Json:
    return (
        {"type": "object"}
        if kind == "application/json"
        else {}
        if kind.startswith("audio/")
        else {"type": "string"}
    )


def _example(name: str) -> object:
    return json.loads((files(__package__) / "examples" / name).read_text("utf-8"))
