"""The recording sheet: all prompts with text, file name and hint."""

from cc_bridge import resource_path
from cc_bridge.prompts.sheet import recording_sheet
from cc_bridge.surveys.prompt_catalogue import parse_catalogue

SHIPPED = parse_catalogue((resource_path("dialplans") / "prompts.toml").read_text(), "prompts.toml")


def test_each_prompt_is_on_the_sheet_in_each_language():
    sheet = recording_sheet(SHIPPED)
    for name, texts in (SHIPPED.prompts | SHIPPED.own).items():
        assert f". {name}\n" in sheet
        for language, text in texts.items():
            # The isolates keep a Persian text on its side of the file name.
            assert f"- `{language}/cc_bridge/{name}.wav`: \u2068{text}\u2069\n" in sheet


def test_each_prompt_has_a_hint():
    assert set(SHIPPED.hints) >= {*SHIPPED.prompts, *SHIPPED.own} - {"moment", "comment_thanks"}
    assert set(SHIPPED.hints) <= {*SHIPPED.prompts, *SHIPPED.own}
    assert all(hint in recording_sheet(SHIPPED) for hint in SHIPPED.hints.values())


def test_the_sheet_of_one_language():
    sheet = recording_sheet(SHIPPED, ["fa"])
    assert "fa/cc_bridge/csat_ask.wav" in sheet
    assert "en/cc_bridge" not in sheet
