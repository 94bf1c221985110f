"""Surveys drawn by hypothesis: any kinds of questions, branches, retries and keys, always valid."""

from hypothesis import strategies as st

from cc_bridge.kpis.question_kinds import KINDS, SCALE_KINDS
from cc_bridge.surveys.definition import parse_survey

LANGUAGES = ("en", "fa")
PROMPTS = (
    "ask", "invalid", "thanks", "goodbye", "welcome", "skipped", "opted_out", "which", "consent", "spoken",
)  # fmt: skip
SOUNDS = {name: dict.fromkeys(LANGUAGES, f"cc_bridge/{name}") for name in PROMPTS}
VALUES = {name: KINDS[name].scale for name in SCALE_KINDS}


@st.composite
def questions(draw, number, count):
    kind = draw(st.sampled_from([*VALUES, "choice", "comment"]))
    lines = [f'[[questions]]\nid = "q{number}"\nkind = "{kind}"', 'ask = "ask"']
    lines.append(
        f"retries = {draw(st.integers(0, 2))}\nskippable = {draw(st.sampled_from(['true', 'false']))}"
    )
    values = list(VALUES.get(kind, ()))
    if kind == "comment":
        lines.append(f'consent = "consent"\nmax_seconds = {draw(st.integers(5, 14))}')
        lines += draw(st.sampled_from([[], ['thanks = "spoken"']]))
    else:
        lines.append('invalid = "invalid"')
    if kind == "choice":
        values = draw(st.lists(st.integers(0, 9), min_size=2, max_size=6, unique=True))
        lines.append("keys = { " + ", ".join(f'{key} = "label {key}"' for key in values) + " }")
    # One value always leads to the next question, so that every question can be reached.
    for value in draw(st.lists(st.sampled_from(values), unique=True, max_size=2)) if values[1:] else ():
        if value == values[0]:
            continue
        later = [*(f"q{other}" for other in range(number + 1, count)), "end"]
        lines.append(f'[[questions.next]]\nwhen = "{value}"\ngo = "{draw(st.sampled_from(later))}"')
    return "\n".join(lines)


@st.composite
def surveys(draw):
    """Draw a whole survey. Special keys are never digits, since digits may be answers."""
    head = [f'id = "drawn"\nversion = 1\nlanguages = ["en", "fa"]\nretries = {draw(st.integers(0, 2))}']
    head.append(
        f'max_seconds = {draw(st.sampled_from([15, 40, 600]))}\nthanks = "thanks"\ngoodbye = "goodbye"'
    )
    head += draw(st.lists(st.sampled_from(OPTIONS), unique=True))
    count = draw(st.integers(1, 4))
    asked = [draw(questions(number, count)) for number in range(count)]
    return parse_survey("\n".join([*head, *asked]), "drawn.toml", SOUNDS)


OPTIONS = (
    'welcome = "welcome"',
    'skip_key = "*"',
    'skipped = "skipped"',
    'opt_out_key = "*0"\nopted_out = "opted_out"',
    'ask_language = { prompt = "which", keys = { 1 = "en", 2 = "fa" } }',
)
