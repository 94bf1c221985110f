"""The prompt catalogue, the shipped sound files, and their synthesis."""

import json

import pytest

from cc_bridge import resource_path
from cc_bridge.errors import SurveyError
from cc_bridge.prompts.check import check, speech_faults
from cc_bridge.prompts.loudness import LEAD_SECONDS, LEVEL_DBFS, TAIL_SECONDS, measure
from cc_bridge.prompts.synthesis import MANIFEST, PromptStatus, build
from cc_bridge.prompts.wav_file import playback_fault, read_wav
from cc_bridge.surveys.library import SurveyLibrary
from cc_bridge.surveys.prompt_catalogue import AsteriskSound, parse_catalogue

SHIPPED = parse_catalogue((resource_path("dialplans") / "prompts.toml").read_text(), "prompts.toml")
SOUNDS = resource_path("dialplans") / "sounds"
SURVEYS = SurveyLibrary.load(resource_path("config/surveys"), SHIPPED.sounds)
# Prompts that no survey names.
SPOKEN_BY_THE_DAEMON = {"moment", "consent_before", "hello", "callback_greeting"}
SPOKEN = [
    (name, language)
    for name, languages in SHIPPED.prompts.items()
    for language, spoken in languages.items()
    if isinstance(spoken, str)
]

TEXT = """
[prompts.hello]
en = "Hello there"
fa = "سلام"
[prompts.bye]
en = { asterisk = "vm-goodbye" }
[voices]
en = { name = "en-us" }
fa = { name = "fa", words_per_minute = 140 }
"""


def statuses(catalogue, folder):
    return {(prompt.name, prompt.language): prompt.status for prompt in build(catalogue, folder)}


def speech(file):
    assert not playback_fault(file)
    sound = read_wav(file)
    return measure(sound.samples, sound.rate)


def assert_fit_for_a_telephone(file):
    assert not list(speech_faults(file))
    found = speech(file)
    assert abs(found.level_dbfs - LEVEL_DBFS) < 1
    assert found.peak_dbfs < -0.9
    assert found.clipped == 0
    assert LEAD_SECONDS <= found.lead_seconds + 0.01 < 0.45
    assert TAIL_SECONDS <= found.tail_seconds + 0.02 < 0.45
    samples = read_wav(file).samples
    assert not any(samples[: round(8000 * LEAD_SECONDS)])
    assert not any(samples[-round(8000 * TAIL_SECONDS) :])


@pytest.mark.parametrize(("name", "language"), SPOKEN)
def test_shipped_sound_files(name, language):
    assert_fit_for_a_telephone(SOUNDS / language / "cc_bridge" / f"{name}.wav")


def prompts_of(survey):
    yield from (survey.welcome, survey.skipped, survey.opted_out, survey.thanks, survey.goodbye)
    if survey.ask_language:
        yield survey.ask_language.prompt
    for question in survey.questions:
        yield from (question.ask, question.invalid)
        if question.comment:
            yield from (question.comment.after_beep, question.comment.thanks)


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("name", SURVEYS)
def test_every_prompt_of_the_shipped_surveys_can_be_heard(name, language):
    survey = SURVEYS[name]
    for prompt in {*prompts_of(survey)} - {None, ""}:
        sound = survey.sound(prompt, language)
        if isinstance(SHIPPED.prompts[prompt][language], AsteriskSound):
            assert "/" not in sound
        else:
            assert_fit_for_a_telephone(SOUNDS / language / f"{sound}.wav")


def test_persian_is_complete_and_nothing_is_shipped_that_nobody_plays():
    used = {prompt for survey in SURVEYS.values() for prompt in prompts_of(survey)} | SPOKEN_BY_THE_DAEMON
    assert set(SHIPPED.prompts) <= used
    for languages in SHIPPED.prompts.values():
        assert set(languages) >= {"en", "fa"}
        assert isinstance(languages["fa"], str)  # Asterisk ships no Persian


def test_the_sounds_stay_small():
    assert sum(file.stat().st_size for file in SOUNDS.rglob("*.wav")) < 3_600_000


def test_the_shipped_sound_files_say_the_shipped_texts():
    for prompt in build(SHIPPED, SOUNDS):
        assert prompt.status in {PromptStatus.UNCHANGED, PromptStatus.ASTERISK}
    listed = set(json.loads((SOUNDS / MANIFEST).read_text()))
    assert listed == {f"{language}/cc_bridge/{name}.wav" for name, language in SPOKEN}
    assert listed == {str(file.relative_to(SOUNDS)) for file in SOUNDS.rglob("*.wav")}


@pytest.mark.voices
def test_building_twice_changes_nothing_and_gives_the_same_bytes(tmp_path):
    catalogue = parse_catalogue(TEXT, "p.toml")
    told = []
    assert build(catalogue, tmp_path / "a", told.append) == told
    assert statuses(catalogue, tmp_path / "b") == {
        ("hello", "en"): PromptStatus.BUILT,
        ("hello", "fa"): PromptStatus.BUILT,
        ("bye", "en"): PromptStatus.ASTERISK,
        ("bye", "fa"): PromptStatus.MISSING,
    }
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*.*"))
    assert [str(file) for file in files] == ["en/cc_bridge/hello.wav", "fa/cc_bridge/hello.wav", MANIFEST]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    again = statuses(catalogue, tmp_path / "a")
    assert again["hello", "en"] is again["hello", "fa"] is PromptStatus.UNCHANGED


@pytest.mark.voices
def test_what_is_built_is_fit_for_a_telephone(tmp_path):
    build(parse_catalogue(TEXT, "p.toml"), tmp_path)
    assert_fit_for_a_telephone(tmp_path / "en/cc_bridge/hello.wav")


@pytest.mark.voices
def test_another_text_or_voice_is_spoken_anew(tmp_path):
    build(parse_catalogue(TEXT, "p.toml"), tmp_path)
    for other in (TEXT.replace("Hello there", "Good day"), TEXT.replace('"en-us"', '"en-gb"')):
        again = statuses(parse_catalogue(other, "p.toml"), tmp_path)
        assert (again["hello", "en"], again["hello", "fa"]) == (PromptStatus.BUILT, PromptStatus.UNCHANGED)


@pytest.mark.voices
@pytest.mark.parametrize("file", ["hello.wav", "hello.gsm"])
def test_human_recordings_are_left_alone(tmp_path, file):
    human = tmp_path / "en/cc_bridge" / file
    human.parent.mkdir(parents=True)
    human.write_bytes(b"a human voice")
    catalogue = parse_catalogue(TEXT, "p.toml")
    assert statuses(catalogue, tmp_path)["hello", "en"] is PromptStatus.HUMAN
    assert statuses(catalogue, tmp_path)["hello", "en"] is PromptStatus.HUMAN
    assert human.read_bytes() == b"a human voice"
    assert not (tmp_path / "en/cc_bridge/hello.wav").exists() or file == "hello.wav"


@pytest.mark.voices
def test_a_human_recording_may_replace_a_generated_one(tmp_path):
    build(parse_catalogue(TEXT, "p.toml"), tmp_path)
    file = tmp_path / "en/cc_bridge/hello.wav"
    file.write_bytes(b"a human voice")
    changed = parse_catalogue(TEXT.replace("Hello there", "Good day"), "p.toml")
    assert statuses(changed, tmp_path)["hello", "en"] is PromptStatus.HUMAN
    assert file.read_bytes() == b"a human voice"


def test_a_tool_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SurveyError, match=r"espeak-ng is not installed"):
        build(parse_catalogue(TEXT, "p.toml"), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.wav"))


@pytest.mark.voices
def test_a_tool_that_fails(tmp_path):
    with pytest.raises(SurveyError, match=r"espeak-ng failed"):
        build(parse_catalogue(TEXT.replace('"en-us"', '"zz"'), "p.toml"), tmp_path)
    assert not list(tmp_path.rglob("*.wav"))


def test_the_same_voice_speaks_the_whole_conversation():
    for languages in SHIPPED.prompts.values():
        assert all(isinstance(spoken, str) for spoken in languages.values())


@pytest.mark.parametrize(("language", "seconds"), [("en", 7), ("fa", 8)])
def test_the_csat_question_is_short(language, seconds):
    assert speech(SOUNDS / language / "cc_bridge/csat_ask.wav").seconds <= seconds


def test_the_check_finds_no_fault_in_the_shipped_sounds():
    assert [prompt for prompt in check(SHIPPED, SOUNDS) if prompt.faults] == []
