"""Fuzzing of survey files: any text gives a survey whose interview ends, or one line for each fault."""

from cc_bridge.errors import SurveyError
from cc_bridge.safe_text.printable import LONGEST_LINE
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.interview import Interview
from cc_bridge.surveys.steps import Finish, KeyPressed, StepResult
from fuzz.inputs import corpus_of
from fuzz.parsers import fuzz
from support.generated_surveys import SOUNDS
from support.paths import ROOT

TOKENS = [
    b"\n", b" = ", b'"', b'"""', b"'", b"[", b"]", b"[[", b"]]", b"{", b"}", b",", b".", b"#",
    b"\0", b"\xff", b"[[questions]]\n", b"[[questions.next]]\n", b'id = "a"\n', b'kind = "csat"\n',
    b'kind = "choice"\n', b'kind = "comment"\n', b'languages = ["en"]\n', b'ask = "ask"\n',
    b'invalid = "invalid"\n', b'go = "end"\n', b'thanks = "thanks"\n', b'goodbye = "goodbye"\n',
    b'when = "1-2"\n', b"retries = 99\n", b"version = 1\n", b"keys = { 1 = ", b"9" * 5_000,
    b"[" * 2_000, b"{a=" * 2_000, b"a." * 2_000, b"0x" + b"f" * 5_000, b"-1", b"nan", b"1e400",
    b"2026-11-29", b"true", b"x" * 3_000, "\u202e\x1b[2J".encode(), "\ufeff".encode(),
]  # fmt: skip
KEYS = [KeyPressed(key) for key in "0123456789*#"]


def check(data, chance):
    try:
        survey = parse_survey(data.decode("utf-8", "replace"), "a.toml", SOUNDS)
    except SurveyError as error:
        lines = str(error).split("\n")
    else:
        lines = []
        assert 0 < survey.max_seconds < 86_400
        assert ends(Interview(survey, "en"), chance)
    assert all(line.startswith("a.toml:") and len(line) <= LONGEST_LINE for line in lines)


def ends(interview, chance):
    """Return whether an interview with random keys ends within 10,000 steps."""
    step = interview.begin()
    for _ in range(10_000):
        if isinstance(step, Finish):
            return True
        step = interview.next(chance.choice([*KEYS, *StepResult]))
    return False


def test_no_survey_file_stops_the_parser():
    shipped = [path.read_bytes() for path in sorted((ROOT / "config" / "surveys").glob("*.toml"))]
    assert fuzz(check, corpus_of("survey_files") + shipped, TOKENS) > 100
