"""English: no text of the project has a phrase or shape that the rules forbid."""

import pytest

from support import language
from support.language import Text


def _phrases(prose, kind="docstring", path="cc_bridge/x.py"):
    return [fault.phrase for fault in language.faults_of_text(Text(path, 1, kind, prose))]


@pytest.fixture(scope="module")
def faults():
    return list(language.faults_in(language.PATHS))


def test_no_text_has_a_fault(faults):
    wrong = [each for each in faults if not any(language.is_allowed(each, one) for one in language.ALLOWED)]
    assert [str(fault) for fault in wrong] == []


@pytest.mark.parametrize(
    ("prose", "phrase"),
    [
        ("Return the agent.\n\nThe trap: none.", "The trap"),
        ("Return the agent to whom the call went.", "whom"),
        ("Store the rows; nobody waits.", "nobody"),
        ("Return the time he waited.", "he"),
        ("Return the rows that\ngo on.", "go on"),
        ("Stop after so many rows.", "so many"),
        ("Return the begin of the gap.", "the begin"),
        ("What the caller pressed.", "What ..."),
        ("It is the name.", "It ..."),
        ("Return " + "the name and " * 12 + "the number.", "39 words"),
    ],
)
def test_a_fault_is_found(prose, phrase):
    assert _phrases(prose) == [phrase]


@pytest.mark.parametrize(
    "prose",
    [
        "Return the agent of the call.",
        "Return `nobody`.",
        "See https://example.org/told for it.",
        "Return. " * 40,
    ],
)
def test_plain_text_has_none(prose):
    assert _phrases(prose) == []


def test_a_long_module_docstring_is_found():
    assert _phrases("One fact here. " * 50, "module") == ["150 words"]
    assert _phrases("One fact here. " * 50, "docstring") == []


@pytest.mark.parametrize(
    ("path", "source", "kinds"),
    [
        ("a.py", '"""Module."""\n# A comment.\nx = f"no file {y} here"\n', ["module", "comment", "message"]),
        ("a.py", 'def f():\n    """Return."""\n', ["docstring"]),
        ("a.toml", '# A comment.\nport = 1  # another\nen = "A text"\n', ["comment", "comment", "message"]),
        ("a.yml", "# A comment.\nsummary: The link is down\n", ["comment", "message"]),
        ("a.conf", "; A comment.\nname = value\n", ["comment"]),
        ("a.md", "# Title\n\n```\ncode\n```\n\nText.\n", ["page", "page"]),
        ("a.png", "nothing", []),
    ],
)
def test_prose_is_found_by_the_kind_of_file(path, source, kinds):
    assert sorted(text.kind for text in language.texts_of(path, source)) == sorted(kinds)


def test_the_line_of_a_fault_is_that_of_its_word():
    (fault,) = (
        fault
        for text in language.texts_of("a.py", '"""One.\n\nTwo whom.\n"""\n')
        for fault in language.faults_of_text(text)
    )
    assert (fault.path, fault.line, fault.phrase) == ("a.py", 3, "whom")


@pytest.mark.parametrize("exception", language.ALLOWED, ids=lambda each: f"{each['path']} {each['phrase']}")
def test_every_exception_has_a_reason_and_is_needed(faults, exception):
    assert exception["reason"].strip()
    assert [each for each in faults if language.is_allowed(each, exception)]
