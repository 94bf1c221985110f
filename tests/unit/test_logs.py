"""Log lines: their content, and values that cannot forge a line."""

import json
import os
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given, strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cc_bridge.config import LogConfig
from cc_bridge.logs import as_json, as_text

AT = datetime.fromisoformat("2026-11-21T23:57:29.656+00:00").timestamp()
FORGED = "x\n2026-11-21T23:57:29.656Z error [cc_bridge.app] forged\r\x1b[2K\x85\u2028\u202e\x00\x7f"


def event(text, level=LogLevel.warn, **values):
    return {
        "log_time": AT,
        "log_level": level,
        "log_namespace": "cc_bridge.app",
        "log_format": text,
        **values,
    }


def test_a_line_of_text_says_when_how_bad_where_and_what():
    line = as_text(event("call-back about {uniqueid!r} failed", uniqueid="17.4"))
    assert line == "2026-11-21T23:57:29.656Z warn  [cc_bridge.app] call-back about '17.4' failed\n"


def test_a_line_of_json_also_says_which_call_and_survey():
    ids = {"uniqueid": "17.4", "call_id": "17.1", "attempt_id": "17.4-9"}
    assert json.loads(as_json(event("{error} broke off", error="it", number="0912", **ids))) == {
        "time": "2026-11-21T23:57:29.656Z",
        "level": "warn",
        "logger": "cc_bridge.app",
        "message": "it broke off",
        "call_id": "17.1",
        "attempt_id": "17.4-9",
        "uniqueid": "17.4",
    }


def test_an_error_is_told_with_its_traceback():
    broken = event("it failed", LogLevel.critical, log_failure=Failure(ValueError("a\nb")))
    told = json.loads(as_json(broken))
    assert told["level"] == "critical"
    assert told["message"] == "it failed"
    assert told["traceback"].endswith("ValueError: a\nb")
    first, *rest = as_text(broken).splitlines()
    assert first.endswith("critical [cc_bridge.app] it failed")
    assert rest[-1] == "    b"
    assert rest[-2].startswith("    ")
    assert rest[-2].endswith("ValueError: a")


def test_an_error_that_cannot_be_shown_hides_nothing_else():
    class Unspeakable(Exception):
        def __str__(self):
            raise RuntimeError

    told = json.loads(as_json(event("it failed", log_failure=Failure(Unspeakable()))))
    assert told["message"] == "it failed"
    assert "Unspeakable" in told["traceback"] or "no traceback" in told["traceback"]


@pytest.mark.parametrize("form", [as_text, as_json])
def test_a_hostile_value_stays_in_its_line(form):
    line = form(event("no AGI script {script} here", script=FORGED, uniqueid=FORGED))
    assert line.endswith("\n")
    assert line[:-1].isprintable()


@pytest.mark.parametrize("form", [as_text, as_json])
def test_a_hostile_error_cannot_pass_for_a_line_of_ours(form):
    lines = form(event("it failed", log_failure=Failure(ValueError(FORGED)))).splitlines()
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith(("2026", "{"))] == lines[:1]


@given(st.text())
def test_whatever_a_value_holds_it_is_one_line_that_says_it(value):
    line = as_json(event("{value}", value=value, uniqueid=value))
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line)["message"] == value
    text = as_text(event("{value}", value=value))
    assert len(text.splitlines()) == 1
    text.encode()


def logged(form, **environment):
    """Return the output of a process that logs to a pipe as standard error, and its JOURNAL_STREAM."""
    program = (
        "import os, sys\n"
        "status = os.fstat(2)\n"
        "if 'JOURNAL' in os.environ: os.environ['JOURNAL_STREAM'] = f'{status.st_dev}:{status.st_ino}'\n"
        "from twisted.logger import Logger\n"
        "from cc_bridge.logs import set_level, start_logging\n"
        f"levels = start_logging('warn', form={form!r})\n"
        "log = Logger('cc_bridge.test')\n"
        "log.info('not yet')\n"
        "log.warn('first')\n"
        "set_level(levels, 'info')\n"
        "log.info('second')\n"
        "Logger('twisted.test').info('not ours')\n"
    )
    command = [sys.executable, "-c", program]
    environment = os.environ | environment
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    return done.stderr.splitlines()


def test_where_a_program_reads_auto_is_json():
    assert [json.loads(line)["message"] for line in logged("auto")] == ["first", "second"]


def test_text_is_text_wherever_it_goes():
    assert [line.partition("] ")[2] for line in logged("text")] == ["first", "second"]


def test_on_a_terminal_auto_is_text():
    terminal, inside = os.openpty()
    program = (
        "from twisted.logger import Logger\n"
        "from cc_bridge.logs import start_logging\n"
        "start_logging('info', form='auto')\n"
        "Logger('cc_bridge.test').info('hello')\n"
    )
    subprocess.run([sys.executable, "-c", program], stderr=inside, timeout=60, check=True)
    assert b"info  [cc_bridge.test] hello" in os.read(terminal, 200)
    os.close(inside)
    os.close(terminal)


def test_the_journal_is_told_the_priority_of_each_line():
    lines = logged("auto", JOURNAL="yes")
    assert [line[:3] for line in lines] == ["<4>", "<6>"]
    assert [json.loads(line[3:])["message"] for line in lines] == ["first", "second"]
    assert all(line.startswith("{") for line in logged("auto", JOURNAL_STREAM="1:2"))


def test_the_default_is_auto():
    assert LogConfig().format == "auto"
