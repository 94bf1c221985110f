"""A whole survey as the caller hears it, recorded on the caller's channel of a real Asterisk.

The caller listens to each prompt to its end and then presses a key. The recording is compared with the
prompts' files by loudness: the beginning and the end of every prompt must be there, and nothing but an
announced wait for a key may be silent for longer than a second.
"""

import math
import time
import wave
from array import array
from itertools import pairwise

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.rig import SOUNDS
from pbx.test_one_call import ended
from pbx.test_surveys import Listener
from pbx.test_triggers import talking

RATE = 8000
WAV_HEAD = 44  # bytes
FRAME = 160  # samples, 20 ms: a packet of RTP
EDGE = 40  # frames at the start of a prompt: its silence and the first syllables
SLIP = 8  # frames that a busy machine can lose or repeat in a prompt
PRESS_SECONDS = 0.05  # from the end of a prompt to the key
ANSWERS = {"csat_ask": "4", "solved_ask": "1", "ces_ask": "7", "nps_ask": "9", "reason_ask": "2"}
HEARD = ["welcome", *ANSWERS, "thanks"]
WAIT_SECONDS = 8.0  # the longest wait for a key in the survey `full`
SILENT_DBFS, SPEECH_DBFS = -50.0, -40.0
ALIKE = 0.88  # correlation of loudness: 1 on an idle machine, 0.82 without 0.1 s of the first syllable


@pytest.fixture(scope="module")
def _asking(asterisk, tmp_path_factory):
    running = Daemon(asterisk, tmp_path_factory.mktemp("daemon"))
    running.configure("queues.sales", survey="full")
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def daemon(rig, _asking):
    rig.survey_at(_asking.agi_port)
    _asking.until_idle(rig)
    return _asking


def samples_of(file):
    with wave.open(str(file)) as sound:
        assert sound.getframerate() == RATE
        return array("h", sound.readframes(sound.getnframes()))


def is_whole(file):
    """Return whether Asterisk has closed a recording; only then its head states its length."""
    try:
        with wave.open(str(file)) as sound:
            return 0 < sound.getnframes() * 2 == file.stat().st_size - WAV_HEAD
    except (OSError, EOFError, wave.Error):
        return False


def loudness(samples):
    """Return the level of each frame in dBFS, at least SILENT_DBFS."""
    levels = []
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        power = sum(sample * sample for sample in samples[at : at + FRAME]) / FRAME
        levels.append(max(SILENT_DBFS, 10 * math.log10(power / 32768**2) if power else SILENT_DBFS))
    return levels


def correlation(one, two):
    means = sum(one) / len(one), sum(two) / len(two)
    pairs = [(a - means[0], b - means[1]) for a, b in zip(one, two, strict=True)]
    scale = math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))
    return sum(a * b for a, b in pairs) / scale if scale else 0.0


def last_loud(levels):
    """Return the number of the last frame with speech."""
    return max(at for at, level in enumerate(levels) if level > SPEECH_DBFS)


def place_of(part, heard, places):
    """Return the frame of `heard` among `places` at which `part` begins, and how alike they are there."""
    places = [at for at in places if 0 <= at <= len(heard) - len(part)]
    likeness, place = max((correlation(part, heard[at : at + len(part)]), -at) for at in places)
    return -place, likeness


def listen(rig, language):
    """Let a caller answer the survey `full`; return the recording of what the caller heard."""
    caller = rig.call("sales", language=language)
    talking(rig, caller)
    name = f"heard-{caller.uniqueid}.wav"
    rig.driver.action(
        "MixMonitor",
        Channel=caller.channel,
        File=str(rig.pbx._inside / "spool" / f"all-{name}"),
        # S: what is not sent is silence. So the recording has the time of the call.
        Options=f"St({rig.pbx._inside / 'spool' / name})",
    )
    rig.agent_hangs_up("alice")
    listener = Listener(caller)
    for prompt in HEARD:
        listener.hears(prompt)
        seconds = len(samples_of(SOUNDS / language / f"cc_bridge/{prompt}.wav")) / RATE
        ends_at = time.monotonic() + seconds + PRESS_SECONDS
        if prompt in ANSWERS:
            rig.driver.until(lambda ends_at=ends_at: time.monotonic() > ends_at)
            caller.press(ANSWERS[prompt])
    ended(rig, caller)
    file = rig.pbx._home / "spool" / name
    rig.driver.until(lambda: is_whole(file))
    return caller, file


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_prompt_is_whole_and_nobody_waits_in_silence(rig, language):
    caller, file = listen(rig, language)
    heard = loudness(samples_of(file))
    place, spans = 0, []
    for name in HEARD:
        prompt = loudness(samples_of(SOUNDS / language / f"cc_bridge/{name}.wav"))
        latest = place + round(WAIT_SECONDS * RATE / FRAME)
        begins, first = place_of(prompt[:EDGE], heard, range(place - SLIP, latest))
        assert first > ALIKE, (name, first)
        place = begins + len(prompt)
        missing = last_loud(prompt) - last_loud(heard[begins : place + SLIP])
        assert abs(missing) <= SLIP, (name, missing)
        spans.append((begins, place))
    assert spans[0][0] * FRAME / RATE < 3  # from the end of the talk to the first prompt
    gaps = [(later - earlier) * FRAME / RATE for (_, earlier), (later, _) in pairwise(spans)]
    for name, gap in zip(HEARD, gaps, strict=False):
        assert gap < (WAIT_SECONDS if name in ANSWERS else 0.5), name  # the files have silence too
    # From a key to the next prompt, on the PBX's clock.
    begins = rig.driver.events(event("AGIExecStart", Uniqueid=caller.uniqueid))
    prompts = [float(each["Timestamp"]) for each in begins if "cc_bridge/" in each["Command"]]
    for key in rig.driver.events(event("DTMFEnd", Uniqueid=caller.uniqueid, Direction="Received")):
        pressed = float(key["Timestamp"])
        assert min(each - pressed for each in prompts if each > pressed) < 0.5
