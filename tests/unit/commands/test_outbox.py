"""`cc-bridge outbox` as an administrator types it while a daemon runs."""

import json
import sqlite3
from functools import partial

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.outbox import OutboxFile, open_with_outbox, row
from cc_bridge.storage.pipeline.sql_sink import SqlSink

T = 1_795_309_819.25


@pytest.fixture(params=["database", "journal"])
def outbox(request, tmp_path, monkeypatch):
    """Make an outbox that a daemon has open, with three waiting events, a dead one and a delivered one."""
    url, journal = f"sqlite:///{tmp_path}/calls.sqlite", tmp_path / "journal.sqlite"
    if request.param == "database":
        sink, file = SqlSink(partial(open_with_outbox, url)), tmp_path / "calls.sqlite"
    else:
        url = "postgresql://bridge@127.0.0.1:9/calls"
        sink, file = Journal(journal, 2**24), journal
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    monkeypatch.setenv("CC_BRIDGE_STORAGE__JOURNAL_FILE", str(journal))
    secret = '{"data":{"caller_number":"+982112345678"}}'
    sink.write([row("crm", f"evt_{n}", "call_ended", f"c{n}", secret, T + n) for n in range(5)])
    outbox = OutboxFile(file)
    outbox.failed("crm", "evt_1", 3, 4e9, "answered 500")
    outbox.failed("crm", "evt_2", 100, None, "no answer within 15 s")
    outbox.delivered("crm", "evt_3", T)
    yield outbox
    sink.close()


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, ["outbox", *words])


@pytest.mark.usefixtures("outbox")
def test_the_list_tells_what_waits_and_what_was_given_up_without_personal_data(run):
    title, *lines = run("list").output.splitlines()
    assert title.split() == ["event", "endpoint", "type", "state", "attempts", "since", "reason"]
    assert [line.split()[0:5] for line in lines] == [
        ["evt_0", "crm", "call_ended", "pending", "0"],
        ["evt_1", "crm", "call_ended", "pending", "3"],
        ["evt_2", "crm", "call_ended", "dead", "100"],
        ["evt_4", "crm", "call_ended", "pending", "0"],
    ]
    assert lines[2].endswith("no answer within 15 s")
    for words in (("list",), ("list", "--json")):
        assert "98211" not in run(*words).output
    (dead,) = map(json.loads, run("list", "--json", "--dead").output.splitlines())
    assert dead == {
        "id": "evt_2", "endpoint": "crm", "type": "call_ended", "call_id": "c2", "state": "dead",
        "attempts": 100, "since": "2026-11-22T01:10:21.250Z", "reason": "no answer within 15 s",
    }  # fmt: skip


def test_one_is_sent_again_or_all(outbox, run):
    assert run("retry", "evt_2").output == "1 event is due now\n"
    due = {letter.event_id: letter.attempts for letter in outbox.due("crm", T, 9)}
    assert due == {"evt_0": 0, "evt_2": 0, "evt_4": 0}
    assert run("retry", "--all").output == "4 events are due now\n"
    assert len(outbox.due("crm", T, 9)) == 4


@pytest.mark.parametrize("words", [(), ("evt_1", "--all")])
@pytest.mark.usefixtures("outbox")
def test_what_to_send_again_must_be_clear(run, words):
    result = run("retry", *words)
    assert result.exit_code == 2
    assert "give the ID of an event" in result.stderr


@pytest.mark.parametrize("event", ["evt_3", "evt_9", "' OR 1"])
@pytest.mark.usefixtures("outbox")
def test_what_is_not_there_cannot_be_sent_again(run, event):
    result = run("retry", event)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {event} is not pending and was not given up; see cc-bridge outbox list\n"


def test_without_an_outbox_nothing_waits_and_no_file_is_made(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/none.sqlite")
    assert run("list").output == "no event is pending and none was given up\n"
    assert run("list", "--json").output == ""
    assert run("retry", "--all").output == "0 events are due now\n"
    assert list(tmp_path.iterdir()) == []
    sqlite3.connect(tmp_path / "none.sqlite").close()
    (tmp_path / "none.sqlite").write_bytes(b"this is a text, longer than the header of a database is\n" * 20)
    result = run("list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file is not a database" in result.stderr


@pytest.mark.parametrize("command", ["list", "retry"])
def test_each_command_helps_with_an_example(run, command):
    output = run(command, "--help").output
    assert f"cc-bridge outbox {command}" in output.split("Example")[1]
