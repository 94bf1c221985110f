"""Faults in sound files, planted one by one: the check reports each of them, and no other."""

import math
from array import array

import pytest

from cc_bridge.prompts.check import check
from cc_bridge.prompts.wav_file import read_wav, write_wav
from cc_bridge.surveys.prompt_catalogue import parse_catalogue

RATE = 8000
TEXT = """
[prompts.hello]
en = "Hello"
[prompts.other]
en = { asterisk = "vm-goodbye" }
[voices]
en = { name = "en" }
"""


def tone(seconds, amplitude=5700, rate=RATE):
    count = round(seconds * rate)
    return array("h", (round(amplitude * math.sin(2 * math.pi * 400 * at / rate)) for at in range(count)))


def silence(seconds):
    return array("h", bytes(2 * round(seconds * RATE)))


SOUND = silence(0.3) + tone(1) + silence(0.2)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "en/cc_bridge/hello.wav"
    path.parent.mkdir(parents=True)
    write_wav(path, SOUND, RATE)
    return path


def faults(folder):
    (prompt,) = check(parse_catalogue(TEXT, "p.toml"), folder)
    assert (prompt.name, prompt.language) == ("hello", "en")
    return list(prompt.faults)


@pytest.mark.usefixtures("file")
def test_a_good_file(tmp_path):
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (array("h"), "empty"),
        (silence(2), "silent"),
        (silence(0.3) + tone(1, 1000) + silence(0.2), "too quiet: -33 dBFS instead of -18 dBFS"),
        (silence(0.3) + tone(1, 30000) + silence(0.2), "too loud: -4 dBFS instead of -18 dBFS"),
        (tone(1) + silence(0.2), "0.00 s of silence before the speech instead of 0.3 s"),
        (silence(1.5) + tone(1), "1.5 s of silence in one piece, at most 1 s"),
        (silence(0.3) + tone(1) + silence(1.2), "1.2 s of silence in one piece, at most 1 s"),
        (SOUND + silence(1) + SOUND, "1.5 s of silence in one piece, at most 1 s"),
        (silence(0.1) + tone(0.1), "0.2 s long instead of 0.3 to 20 s"),
        (silence(0.3) + tone(20), "20.3 s long instead of 0.3 to 20 s"),
    ],
)
def test_faulty_speech(file, tmp_path, samples, says):
    write_wav(file, samples, RATE)
    assert faults(tmp_path) == [says]


def test_clipped_speech(file, tmp_path):
    clipped = array("h", (max(-32768, min(32767, sample * 8)) for sample in tone(0.1)))
    write_wav(file, silence(0.3) + tone(2) + clipped + tone(2), RATE)
    (fault,) = faults(tmp_path)
    assert fault.startswith("clipped: ")


def test_another_sampling_rate_and_two_channels(file, tmp_path):
    write_wav(file, tone(1, rate=16000), 16000)
    says = "16000 Hz, 1 channels, 16 bit instead of 8000 Hz, mono, 16 bit"
    assert faults(tmp_path) == [says]
    content = bytearray(file.read_bytes())
    content[22] = 2  # channels
    content[24:28] = RATE.to_bytes(4, "little")
    file.write_bytes(content)
    assert faults(tmp_path) == ["8000 Hz, 2 channels, 16 bit instead of 8000 Hz, mono, 16 bit"]


def test_a_missing_file_and_a_dangling_link(file, tmp_path):
    file.unlink()
    assert faults(tmp_path) == ["missing"]
    file.symlink_to("nowhere.wav")
    assert faults(tmp_path) == ["a link to a missing file"]


def test_a_recording_in_another_format(file, tmp_path):
    file.unlink()
    file.with_suffix(".gsm").write_bytes(bytes(66))
    assert faults(tmp_path) == []
    file.with_suffix(".gsm").write_bytes(bytes(70))
    assert faults(tmp_path) == ["truncated"]


def test_every_file_of_a_prompt_is_examined(file, tmp_path):
    write_wav(file.with_suffix(".wav16"), tone(1, rate=16000), 16000)
    assert faults(tmp_path) == ["0.00 s of silence before the speech instead of 0.3 s"]


def test_a_file_is_read_as_it_was_written(file):
    assert read_wav(file).samples == SOUND
    assert read_wav(file).rate == RATE
