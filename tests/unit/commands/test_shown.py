"""Output of all commands: no value that a caller, PBX or file chose reaches the terminal unescaped."""

import ast
import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from unicodedata import category

import pytest
from click.testing import CliRunner

import cc_bridge.commands
from cc_bridge.cli import main
from cc_bridge.commands.common import progress
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import OptOut
from cc_bridge.reports.registry import REPORTS
from cc_bridge.safe_text.printable import printable
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import follow_ups
from support.survey_caller import T, records, write

HOSTILE = "=x\x1b[2J\x9b31m\u202e\u2066\r\nforged\x07\x7f"
CHOSEN = {"queue", "agent", "interface", "caller_name", "name", "customer_id", "dialed", "label", "recording"}
NUMBER = "+989121234567"
# Commands that print fixed pages, or a report, which escapes its own values.
FIXED = {"db.py", "metrics.py", "prompts.py", "report.py"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a directory with a database in which every name that outsiders choose is hostile."""
    folder = tmp_path_factory.mktemp("shown")
    engine = open_database(f"sqlite:///{folder}/calls.sqlite")
    for record in records(1, NUMBER, CallerKeys("plain", b"", "98")):
        chosen = {each.name: HOSTILE for each in fields(record) if each.name in CHOSEN}
        write(engine, replace(record, **chosen))
    write(engine, OptOut(NUMBER, T, opted_out=True, source=HOSTILE))
    names = NUMBER, HOSTILE, HOSTILE, HOSTILE
    due = FollowUp("3fa94c01bb4f9a2e", "pbx", "low_rating", *names, "1.1", HOSTILE, "", T, T + 60)
    assert follow_ups.opened(engine, due, due.caller_key, [due.caller_key])
    engine.dispose()
    (folder / "cc-bridge.toml").write_text(
        f'[storage]\nurl = "sqlite:///{folder}/calls.sqlite"\njournal_file = "{folder}/journal"\n'
        '[callers]\ncountry_code = "98"\n'
    )
    return folder


@pytest.fixture
def run(folder):
    def run(*words, expected=0):
        done = CliRunner().invoke(main, [*words, "--config", str(folder / "cc-bridge.toml")])
        assert done.exit_code == expected, done.output
        return done.output

    return run


def harmless(text):
    return all(
        sign == "\n" or sign in "\u200c\u200d" or category(sign) not in {"Cc", "Cf", "Zl", "Zp"}
        for sign in text
    )


SPAN = ("--from", "2026-11-01", "--to", "2026-11-30", "--language", "en")


@pytest.mark.parametrize(
    "words",
    [
        ("customer", "show", NUMBER),
        ("customer", "show", NUMBER, "--json"),
        ("customer", "lost-calls", "--from", "2026-11-01", "--lost"),
        ("caller", "export", NUMBER),
        ("follow-up", "list"),
        ("follow-up", "list", "--json"),
        ("opt-out", "list"),
        ("opt-out", "list", "--json"),
        ("digest", "list"),
        *(("report", name, *SPAN) for name in REPORTS if name != "change"),
        *(("report", name, *SPAN, "--format", "json") for name in REPORTS if name != "change"),
        *(("report", name, *SPAN, "--format", "html") for name in REPORTS if name != "change"),
        ("report", "agents", *SPAN, "--by", "agent"),
    ],
    ids=" ".join,
)
def test_no_name_controls_the_terminal(run, words):
    output = run(*words)
    assert harmless(output)
    assert not any(line.startswith("forged") for line in output.splitlines())


def test_the_names_are_shown_nevertheless(run):
    for words in (("customer", "show", NUMBER), ("follow-up", "list"), ("opt-out", "list")):
        assert printable(HOSTILE) in run(*words)


def test_json_has_the_names_themselves(run):
    found = json.loads(run("caller", "export", NUMBER))
    assert HOSTILE in {row["queue"] for row in found["queue_visits"]}


def test_csv_in_a_file_has_names_that_no_spreadsheet_runs(run, tmp_path):
    run("report", "service", *SPAN, "--format", "csv", "--out", str(tmp_path / "service.csv"))
    assert f"'{HOSTILE}".encode() in (tmp_path / "service.csv").read_bytes()


def test_csv_on_a_terminal_is_escaped(folder):
    command = [sys.executable, "-m", "cc_bridge", "report", "service", *SPAN, "--format", "csv"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, "--config", folder / "cc-bridge.toml"], stdout=theirs, stderr=subprocess.DEVNULL
    ):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the end of the other side
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    assert harmless(shown.decode().replace("\r\n", "\n"))
    assert "'=x\\x1b[2J" in shown.decode()


def test_an_error_that_quotes_a_value_is_escaped(run):
    says = run("follow-up", "take", "no\x1b[2J\u202esuch", "--by", "sara", expected=1)
    assert harmless(says)
    says = run("report", "service", "--from", "\x1b[2J\u202e", expected=2)
    assert harmless(says)


def test_a_survey_file_that_is_faulty_is_quoted_harmlessly(tmp_path):
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "a.toml").write_text('"\\u001b[2J\\u202e" = 1\nid = "\\u001b"\n')
    config = tmp_path / "cc-bridge.toml"
    config.write_text(f'[ami]\nsecret = "word"\n[survey]\ndirectory = "{tmp_path}/surveys"\n')
    done = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert done.exit_code == 1
    assert harmless(done.output)


def test_commands_print_through_one_function():
    """`click.echo` escapes nothing, so only `common.py` and the commands with fixed pages call it."""
    for file in Path(cc_bridge.commands.__file__).parent.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        echoes = [node for node in calls if ast.unparse(node.func) in {"click.echo", "click.secho", "print"}]
        assert not echoes or file.name in FIXED | {"common.py"}, file.name
        assert all(any(each.arg == "nl" for each in node.keywords) for node in echoes if file.name in FIXED)


def test_a_progress_bar_is_for_terminals_only(capsys, monkeypatch):
    with progress(2, "reading") as bar:
        bar.update(2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress(2, "reading") as bar:
        bar.update(2)
    assert "reading" in capsys.readouterr().err
