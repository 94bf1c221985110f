"""Speech engines: the command of each, a command of one's own, and what a program does wrong."""

import os

import pytest

from cc_bridge.errors import SurveyError
from cc_bridge.prompts.engines import speak, with_engine
from cc_bridge.surveys.prompt_catalogue import Engine, PromptVoice, parse_catalogue

CATALOGUE = parse_catalogue(
    """
[prompts.hello]
en = "Hello"
fa = "سلام"
[voices]
en = { engine = "hibari", name = "heart", words_per_minute = 165 }
fa = { engine = "espeak-ng", name = "fa", words_per_minute = 160 }
""",
    "p.toml",
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Install a program that records its arguments and its input, and writes the last argument."""

    def install(
        name, script='for last; do :; done; echo "$@" > {0}/args; cat > {0}/input; echo wav > "$last"'
    ):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script.format(tmp_path)}\n")
        file.chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return install


@pytest.mark.parametrize(
    ("voice", "args"),
    [
        (
            PromptVoice(engine="hibari", name="heart", words_per_minute=132),
            "hibari - --voice heart --speed 0.800 --seed 0 -o {wav}",
        ),
        (PromptVoice(engine="hibari"), "hibari - --voice heart --speed 0.909 --seed 0 -o {wav}"),
        (PromptVoice(name="fa+f2"), "espeak-ng -v fa+f2 -s 150 -b 1 --stdin -w {wav}"),
        (PromptVoice(), "espeak-ng -v fa -s 150 -b 1 --stdin -w {wav}"),
        (
            PromptVoice(engine="command", command="piper -m '{name} voice.onnx' -f {wav}"),
            "piper -m fa voice.onnx -f {wav}",
        ),
    ],
)
def test_the_command_of_a_voice(program, tmp_path, voice, args):
    name, _, arguments = args.partition(" ")
    program(name)
    wav = tmp_path / "out.wav"
    speak(voice, "fa", "سلام; $(rm)", wav)
    assert (tmp_path / "args").read_text() == arguments.format(wav=wav) + "\n"
    assert (tmp_path / "input").read_text() == "سلام; $(rm)"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no such voice >&2; exit 3", "reader failed: no such voice"),
        ("exit 0", "reader wrote no sound file"),
    ],
)
def test_a_command_that_fails(program, tmp_path, script, says):
    program("reader", script)
    with pytest.raises(SurveyError, match=says):
        speak(PromptVoice(engine="command", command="reader {wav}"), "fa", "text", tmp_path / "out.wav")


def test_a_program_that_is_missing_is_named_with_its_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SurveyError, match="hibari is not installed; install it: pip install hibari-tts"):
        speak(PromptVoice(engine="hibari"), "en", "text", tmp_path / "out.wav")


def test_another_engine_brings_its_own_voice():
    voices = with_engine(CATALOGUE, Engine.ESPEAK_NG).voices
    assert voices["en"] == PromptVoice(words_per_minute=165)
    assert voices["fa"] is CATALOGUE.voices["fa"]


def test_hibari_speaks_only_english():
    assert with_engine(CATALOGUE, Engine.HIBARI).voices == CATALOGUE.voices


def test_a_command_for_one_language():
    voices = with_engine(CATALOGUE, Engine.COMMAND, "piper -f {wav}", ["fa"]).voices
    assert voices["en"] is CATALOGUE.voices["en"]
    assert (voices["fa"].engine, voices["fa"].command) == (Engine.COMMAND, "piper -f {wav}")
