"""The document about the API as tests use it: the operation of a request, and the schema of its answer."""

import re

from jsonschema import Draft202012Validator, FormatChecker

__all__ = ["OpenApiAnswers"]


class OpenApiAnswers:
    """The documented answers of a document in the format OpenAPI 3.1.

    Schemas are taken strictly: an object with named members has no others. Programs must accept others, which
    later versions may add.
    """

    def __init__(self, document):
        self.document = document
        self.schemas = {"components": _strict(document["components"])}

    def operations(self):
        """Yield method, path and definition of each operation."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def operation(self, method, address):
        """Return the definition of the operation that answers a request to a path, whatever its query."""
        path = address.partition("?")[0]
        (found,) = (
            operation
            for its_method, its_path, operation in self.operations()
            if its_method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", its_path), path)
        )
        return found

    def content(self, operation, code, content_type):
        """Return the documented body of an answer; None if the answer has no body."""
        answer = operation["responses"][str(code)]
        if "content" not in answer:
            assert not content_type
            return None
        return answer["content"][content_type.partition(";")[0]]

    def faults(self, schema, value):
        """Return the faults of a value: the place of each in the value, and what is wrong there."""
        whole = _strict(schema) | self.schemas
        checked = Draft202012Validator(whole, format_checker=FormatChecker())
        return [f"{each.json_path}: {each.message[:200]}" for each in checked.iter_errors(value)]


def _strict(value):
    if isinstance(value, list):
        return [_strict(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _strict(each) for name, each in value.items()}
    named = isinstance(value.get("properties"), dict) and value.get("type") == "object"
    return kept | ({"additionalProperties": False} if named and "additionalProperties" not in value else {})
