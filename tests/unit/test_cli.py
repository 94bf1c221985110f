"""The command line as a user types it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect

from cc_bridge import resource_path
from cc_bridge.cli import main
from support.recordings import RECORDINGS, recording


@pytest.fixture
def cc_bridge(monkeypatch, tmp_path):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/calls.sqlite")

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


@pytest.mark.parametrize("name", ["", *main.commands, "db upgrade"])
def test_every_command_helps_with_an_example(cc_bridge, name):
    result = cc_bridge(*name.split(), "--help")
    assert result.exit_code == 0
    if name not in ("", "db"):
        assert "Example" in result.output


def test_check_shows_what_is_in_force(cc_bridge, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_AMI__SECRET", "s3cret")
    result = cc_bridge("check")
    assert result.exit_code == 0
    assert 'host = "127.0.0.1"' in result.output
    assert "s3cret" not in result.output


def test_check_tells_every_error_without_a_traceback(cc_bridge, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('[ami]\nport = 0\n[log]\nlevel = "x"\n')
    result = cc_bridge("check", "--config", path)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ami.port = 0: must be")
    assert "log.level = 'x': must be" in result.stderr
    assert "Traceback" not in result.output


def test_run_refuses_what_can_never_work_in_one_line():
    # A separate process, since the command starts the reactor and the logging of its process.
    environment = os.environ | {
        "CC_BRIDGE_AMI__SECRET": "word",
        "CC_BRIDGE_STORAGE__URL": "sqlite:////no/such/folder/x.sqlite",
    }
    command = [sys.executable, "-m", "cc_bridge", "run"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert result.stderr == "Error: the directory of the SQLite file does not exist: /no/such/folder\n"


def test_replay_prints_lines_for_people(cc_bridge):
    result = cc_bridge("replay", RECORDINGS / "22" / "answered_caller_hangup.ami.gz")
    assert result.exit_code == 0
    assert "talked 2.5 s, ended by caller" in result.output
    assert len(result.output.splitlines()) == 3


def test_replay_prints_json_for_programs(cc_bridge):
    result = cc_bridge("replay", "--json", "--pbx", "hq", RECORDINGS / "22" / "answered_caller_hangup.ami.gz")
    records = {record["record"]: record for record in map(json.loads, result.output.splitlines())}
    call = "pbx-1795305449.4"
    assert records["queue_visit"] == {
        "record": "queue_visit",
        "pbx": "hq",
        "call_id": call,
        "uniqueid": call,
        "queue": "support",
        "entered_at": "2026-11-21T23:57:29.656Z",
        "left_at": "2026-11-21T23:57:30.669Z",
        "outcome": "answered",
        "wait_seconds": pytest.approx(1.013, abs=0.001),
        "agent": "Alice",
        "position": 1,
    }
    assert list(records["ring"]) == [
        "record", "call_id", "uniqueid", "queue", "agent", "interface", "started_at", "ended_at",
        "ring_seconds", "outcome",
    ]  # fmt: skip
    assert list(records["talk"]) == [
        "record", "call_id", "uniqueid", "queue", "agent", "interface", "answered_at", "ended_at",
        "talk_seconds", "hold_seconds", "holds", "ended_by", "transfer",
    ]  # fmt: skip
    assert records["talk"]["ended_by"] == "caller"
    assert records["talk"]["transfer"] is None


def test_replay_says_what_is_wrong_with_a_file(cc_bridge, tmp_path):
    result = cc_bridge("replay", tmp_path / "none.ami")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
    broken = tmp_path / "broken.ami.gz"
    broken.write_bytes(b"this is not gzip")
    result = cc_bridge("replay", broken)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


def test_replay_of_a_stream_that_ends_in_mid_call_says_unobserved(cc_bridge, tmp_path):
    stream = recording("22/abandoned")
    cut = tmp_path / "cut.ami"
    cut.write_bytes(stream[: stream.index(b"HangupRequest")])
    result = cc_bridge("replay", "--json", cut)
    visit, call = [json.loads(line) for line in result.output.splitlines()[-2:]]
    assert (visit["record"], visit["outcome"]) == ("queue_visit", "unobserved")
    assert call == {
        "record": "call",
        "call_id": visit["call_id"],
        "direction": "in",
        "answered": False,
        "talks": 0,
    }


def test_replay_with_a_configuration_prints_direct_calls_and_who_is_rated(cc_bridge, tmp_path):
    config = tmp_path / "replay.toml"
    config.write_text(
        '[ami]\nusername = "u"\nsecret = "s"\n[direct_calls]\nenabled = true\nin_contexts = ["incoming"]\n'
    )
    stream = RECORDINGS / "odd" / "parked_and_fetched_by_bob.ami.gz"
    result = cc_bridge("replay", "--json", "--pbx", "hq", "--config", config, stream)
    records = [json.loads(line) for line in result.output.splitlines()]
    talks = [(each["queue"], each["agent"]) for each in records if each["record"] == "talk"]
    assert talks == [("sales", "Alice"), ("", "بهار")]
    (attribution,) = [each for each in records if each["record"] == "attribution"]
    assert (attribution["trigger"], attribution["queue"]) == ("queue", "sales")
    assert (attribution["agent"], attribution["interface"]) == ("بهار", "PJSIP/bob")
    (call,) = [each for each in records if each["record"] == "call"]
    assert (call["direction"], call["answered"], call["talks"]) == ("in", True, 2)


def test_db_upgrade_makes_the_tables(cc_bridge, tmp_path):
    result = cc_bridge("db", "upgrade")
    assert result.exit_code == 0
    assert result.output.startswith("schema empty -> ")
    engine = create_engine(f"sqlite:///{tmp_path}/calls.sqlite")
    assert {"queue_visits", "talks", "answers"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_db_upgrade_can_print_the_sql(cc_bridge, tmp_path):
    result = cc_bridge("db", "upgrade", "--sql")
    assert "CREATE TABLE queue_visits" in result.output
    assert not (tmp_path / "calls.sqlite").exists()


def test_prompts_says_what_it_did(cc_bridge, tmp_path):
    catalogue = tmp_path / "prompts.toml"
    catalogue.write_text('[voices.en]\nname = "en"\n[prompts.bye]\nen = { asterisk = "vm-goodbye" }\n')
    result = cc_bridge("prompts", "--catalogue", catalogue, "--out", tmp_path / "sounds")
    assert result.exit_code == 0
    assert "bye" in result.output


def test_prompts_check_finds_a_planted_fault(cc_bridge, tmp_path):
    sounds = tmp_path / "sounds"
    shutil.copytree(resource_path("dialplans/sounds"), sounds)
    assert cc_bridge("prompts", "--check", "--out", sounds).exit_code == 0
    (sounds / "fa/cc_bridge/welcome.wav").write_bytes(b"")
    (sounds / "en/cc_bridge/hello.wav").unlink()
    result = cc_bridge("prompts", "--check", "--out", sounds)
    assert result.exit_code == 1
    faults = [line.split(maxsplit=2) for line in result.stdout.splitlines() if not line.endswith(" ok")]
    assert faults == [["fa", "welcome", "empty"], ["en", "hello", "missing"]]
    assert "2 prompts in" in result.stderr
    assert cc_bridge("prompts", "--check", "--out", sounds, "--language", "fa").stdout.count(" ok") == 19


def test_prompts_sheet_is_for_a_speaker(cc_bridge):
    result = cc_bridge("prompts", "--sheet", "--language", "fa")
    assert result.exit_code == 0
    assert any(
        line.startswith("- `fa/cc_bridge/csat_ask.wav`: \u2068") for line in result.stdout.splitlines()
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--engine", "command"], "--engine command and --command need each other"),
        (["--command", "piper -f {wav}"], "--engine command and --command need each other"),
        (["--engine", "command", "--command", "piper"], "--command needs {wav}"),
        (["--language", "de"], "the catalogue has no language de; it has en, fa"),
    ],
)
def test_prompts_options_that_do_not_fit(cc_bridge, options, says):
    result = cc_bridge("prompts", *options)
    assert result.exit_code == 2
    assert says in result.stderr
