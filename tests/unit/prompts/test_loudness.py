"""Level, pauses and clipping of sounds that were made for the test."""

import math
from array import array

import pytest

from cc_bridge.prompts.loudness import SILENT_DBFS, amplified, measure

RATE = 8000


def tone(seconds, amplitude):
    count = round(seconds * RATE)
    return array("h", (round(amplitude * math.sin(2 * math.pi * 400 * at / RATE)) for at in range(count)))


def silence(seconds):
    return array("h", bytes(2 * round(seconds * RATE)))


def test_a_tone_between_silences():
    found = measure(silence(0.3) + tone(1, 3277) + silence(0.5) + tone(0.2, 3277) + silence(0.2), RATE)
    assert found.seconds == pytest.approx(2.2)
    assert found.level_dbfs == pytest.approx(-23.0, abs=0.1)  # a tenth of full scale, as root mean square
    assert found.peak_dbfs == pytest.approx(-20.0, abs=0.1)
    assert found.lead_seconds == pytest.approx(0.3)
    assert found.longest_pause_seconds == pytest.approx(0.5)
    assert found.tail_seconds == pytest.approx(0.2)
    assert found.clipped == 0


def test_noise_far_below_the_speech_is_a_pause():
    noise = tone(1, 60)
    assert measure(noise + tone(1, 9000) + noise, RATE).lead_seconds == pytest.approx(1.0)


@pytest.mark.parametrize("samples", [array("h"), silence(1)])
def test_silence_has_no_level(samples):
    found = measure(samples, RATE)
    assert (found.level_dbfs, found.peak_dbfs) == (SILENT_DBFS, SILENT_DBFS)
    assert found.lead_seconds == found.seconds == len(samples) / RATE
    assert amplified(samples, RATE, -18) == samples


def test_clipping_is_more_than_one_sample_at_full_scale():
    samples = tone(1, 3000)
    samples[100] = 32767
    assert measure(samples, RATE).clipped == 0
    samples[101] = samples[102] = 32767
    samples[500] = samples[501] = -32768
    assert measure(samples, RATE).clipped == 5


@pytest.mark.parametrize("amplitude", [30, 3000, 32767])
@pytest.mark.parametrize("level", [-30.0, -18.2, -6.0])
def test_a_level_is_reached_without_clipping(amplitude, level):
    sound = amplified(silence(0.2) + tone(1, amplitude), RATE, level)
    found = measure(sound, RATE)
    assert found.level_dbfs == pytest.approx(level, abs=0.2)
    assert found.peak_dbfs < -0.9
