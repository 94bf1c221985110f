"""The document /api/openapi.json: valid, complete for its readers, with examples that fit their schemas."""

import json
import re
import subprocess
import sys

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from cc_bridge.web.openapi.document import document
from cc_bridge.web.openapi.operation import COMMAS, Arguments
from cc_bridge.web.openapi.operations import OPERATIONS
from support.openapi_answers import OpenApiAnswers
from support.paths import ROOT

DOCUMENT = document(OPERATIONS, "1.2.3")
ANSWERS = OpenApiAnswers(DOCUMENT)
ALL = [pytest.param(path, one, id=one["operationId"]) for _, path, one in ANSWERS.operations()]


def test_a_validator_accepts_it():
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    assert (DOCUMENT["openapi"], DOCUMENT["info"]["version"]) == ("3.1.0", "1.2.3")


def test_it_is_the_same_in_each_process():
    program = (
        "import json; from cc_bridge.web.openapi.document import document;"
        "from cc_bridge.web.openapi.operations import OPERATIONS;"
        "print(json.dumps(document(OPERATIONS, '1.2.3')))"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert made.stdout.strip() == json.dumps(DOCUMENT)


def test_names_are_unique_and_all_tags_are_explained():
    operations = [one for _, _, one in ANSWERS.operations()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names) == len(OPERATIONS)
    assert {tag for one in operations for tag in one["tags"]} == {each["name"] for each in DOCUMENT["tags"]}


@pytest.mark.parametrize(("path", "one"), ALL)
def test_each_operation_is_explained(path, one):
    assert one["summary"][0].isupper()
    assert one["description"].endswith(".")
    assert all(each["description"] for each in [*one["parameters"], *one["responses"].values()])
    in_path = {each["name"] for each in one["parameters"] if each["in"] == "path"}
    assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    assert all("example" in each for each in one["parameters"] if each["required"])


@pytest.mark.parametrize(("_path", "one"), ALL)
def test_each_example_fits_its_schema(_path, one):
    bodies = [answer.get("content", {}) for answer in one["responses"].values()]
    bodies.append(one.get("requestBody", {}).get("content", {}))
    places = [*one["parameters"], *(each for body in bodies for each in body.values())]
    shown = [each for each in places if "example" in each]
    assert [fault for each in shown for fault in ANSWERS.faults(each["schema"], each["example"])] == []


@pytest.mark.parametrize(("path", "one"), ALL)
def test_each_json_answer_has_an_example(path, one):
    if path == "/api/openapi.json":
        return
    content = [answer.get("content", {}).get("application/json") for answer in one["responses"].values()]
    assert all("example" in each for each in content if each)
    assert "requestBody" not in one or one["requestBody"]["content"]["application/json"]["example"]


def test_each_named_schema_is_used_and_explained():
    text = json.dumps(DOCUMENT)
    schemas = DOCUMENT["components"]["schemas"]
    assert [name for name in schemas if f'"#/components/schemas/{name}"' not in text] == []
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_the_documented_default_is_the_one_in_force(one):
    arguments = one.arguments({})
    documented = {
        each["name"]: each["schema"]["default"]
        for each in next(o for _, _, o in ANSWERS.operations() if o["operationId"] == one.name)["parameters"]
        if "default" in each["schema"]
    }
    in_force = json.loads(arguments.model_dump_json(by_alias=True))
    assert {name: in_force[name] for name in documented} == documented
    assert isinstance(arguments, Arguments)


def test_no_argument_can_be_null():
    schemas = [each["schema"] for _, _, one in ANSWERS.operations() for each in one["parameters"]]
    assert [schema for schema in schemas if "null" in json.dumps(schema)] == []
    assert all(schema.keys() & {"type", "$ref"} for schema in schemas)


def test_a_list_has_the_style_in_which_it_is_read():
    styles = {
        each["name"]: each["explode"]
        for _, _, one in ANSWERS.operations()
        for each in one["parameters"]
        if each["schema"].get("type") == "array"
    }
    assert styles == {"state": False, "queue": True}
    assert COMMAS.func(["open,taken", "done"]) == ["open", "taken", "done"]


def test_a_strict_schema_finds_a_member_that_is_not_documented():
    class Small(BaseModel):
        ok: bool

    answers = OpenApiAnswers({"components": {}, "paths": {}})
    schema = Small.model_json_schema()
    assert answers.faults(schema, {"ok": True}) == []
    assert len(answers.faults(schema, {"ok": True, "more": 1})) == 1
    assert len(answers.faults(schema, {})) == 1


def test_the_samples_of_the_page_have_only_documented_members():
    page = (ROOT / "config/docs/http-api.md").read_text(encoding="utf-8")
    samples = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    named = {name for sample in samples for name in re.findall(r'"(\w+)": ', sample)}
    schemas = DOCUMENT["components"]["schemas"].values()
    documented = {name for schema in schemas for name in schema.get("properties", {})}
    checks = {"ami", "storage", "surveys", "agi"}
    assert len(named) > 100
    assert named - documented - checks == set()
