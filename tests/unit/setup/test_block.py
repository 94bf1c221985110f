"""Our lines in a file of others: at the end, once, and removed without a trace."""

from hypothesis import given, strategies as st

from cc_bridge.setup.block import includes, with_block, without_block

TEXTS = st.text(alphabet="a[];#=\n \udc80", max_size=60)
LINES = st.lists(st.text(alphabet='#include "x.conf"', min_size=1, max_size=20), max_size=3)


@given(TEXTS, LINES, LINES)
def test_only_the_last_block_remains(text, first, second):
    assert with_block(with_block(text, first), second) == with_block(text, second)
    assert with_block(with_block(text, first), first) == with_block(text, first)


@given(TEXTS, LINES)
def test_without_the_block_the_text_is_the_one_before(text, lines):
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    assert without_block(with_block(text, lines)) == ended
    assert without_block(text) == text


def test_lines_after_the_block_stay():
    text = with_block("[a]\n", ["x"]) + "[b]\ny = 1\n"
    assert without_block(text) == "[a]\n[b]\ny = 1\n"
    assert with_block(text, ["z"]).startswith("[a]\n[b]\ny = 1\n")


def test_an_include_of_the_administrator_is_found_and_ours_is_not():
    name = "extensions_cc_bridge.conf"
    for line in (
        f'#include "{name}"',
        f"#include {name}",
        f"#tryinclude <{name}>",
        f"#include /etc/asterisk/{name}",
    ):
        assert includes(f"[a]\n{line}\n", name), line
    for line in (f';#include "{name}"', '#include "other.conf"', f"exten => {name}"):
        assert not includes(f"{line}\n", name), line
    assert not includes(with_block("", [f'#include "{name}"']), name)
    assert includes('#include "manager.d/*.conf" \n', "manager.d/*.conf")
