"""`cc-bridge opt-out` as an administrator types it while a daemon runs."""

import json
import sqlite3

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import OptOut
from cc_bridge.storage.migrate import database
from cc_bridge.storage.queries.survey_history import opt_outs
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert

SECRET = "a secret of the centre"


@pytest.fixture(autouse=True)
def url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    monkeypatch.setenv("CC_BRIDGE_CALLERS__COUNTRY_CODE", "98")
    return url


@pytest.fixture
def hashed(monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__NUMBER_STORAGE", "hashed")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", SECRET)
    return CallerKeys("hashed", SECRET.encode(), "98")


@pytest.fixture
def opt_out():
    def run(*words):
        return CliRunner().invoke(main, ["opt-out", *words])

    return run


def stored(url):
    with database(url) as engine, engine.connect() as connection:
        return {said.caller_key: (said.opted_out, said.source) for said in opt_outs(connection)}


def say(url, *said):
    with database(url) as engine, engine.begin() as connection:
        for one in said:
            table, row = row_of(one)
            connection.execute(upsert(table, "sqlite"), [row])


def refused(result):
    assert result.exit_code == 1
    assert result.output == result.stderr
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_a_caller_is_added_and_removed_however_the_number_is_written(opt_out, url):
    result = opt_out("add", "۰۹۱۲ ۱۲۳ ۴۵۶۷")
    assert (result.exit_code, result.output) == (0, "989121234567 is excluded from surveys\n")
    assert stored(url) == {"989121234567": (True, "command")}
    assert opt_out("add", "+989121234567").exit_code == 0
    result = opt_out("remove", "00989121234567")
    assert (result.exit_code, result.output) == (0, "989121234567 can be invited again\n")
    assert stored(url) == {"989121234567": (False, "command")}


def test_the_key_is_that_of_the_configuration(opt_out, url, hashed):
    key = hashed.key("09121234567")
    assert opt_out("add", "09121234567").output == f"{key[:8]}… is excluded from surveys\n"
    assert stored(url) == {key: (True, "command")}
    listed = opt_out("list").output
    assert f"{key[:8]}…" in listed
    assert key not in listed
    assert json.loads(opt_out("list", "--json").output)["caller_key"] == key
    assert opt_out("remove", "09121234567").exit_code == 0
    assert stored(url) == {key: (False, "command")}


def test_the_list_holds_those_who_are_out_longest_ago_first(opt_out, url):
    say(
        url,
        OptOut("989121111111", 1_795_309_820.0, opted_out=True, source="key"),
        OptOut("989122222222", 1_795_309_819.25, opted_out=True, source="command"),
        OptOut("989123333333", 1_795_309_819.0, opted_out=False, source="command"),
    )
    title, *lines = opt_out("list").output.splitlines()
    assert title.split() == ["caller", "since", "source"]
    assert [line.split()[0::3] for line in lines] == [["989122222222", "command"], ["989121111111", "key"]]
    first, second = map(json.loads, opt_out("list", "--json").output.splitlines())
    assert first == {
        "caller_key": "989122222222",
        "updated_at": "2026-11-22T01:10:19.250Z",
        "source": "command",
    }
    assert second["source"] == "key"


def test_an_empty_list_says_so_to_people(opt_out):
    assert opt_out("list").output == "no caller has opted out\n"
    assert opt_out("list", "--json").output == ""


@pytest.mark.parametrize("number", ["", "anonymous", "000", "Ali", "\x1b[31m12x"])
def test_what_is_no_number_is_refused(opt_out, url, number):
    for command in ("add", "remove"):
        says = refused(opt_out(command, number))
        assert "not a phone number" in says
        assert "\x1b" not in says
    assert stored(url) == {}


def test_who_has_not_opted_out_cannot_be_removed(opt_out, url):
    assert refused(opt_out("remove", "201")) == "Error: 201 has not opted out\n"
    assert stored(url) == {}
    opt_out("add", "201")
    opt_out("remove", "201")
    assert refused(opt_out("remove", "201")) == "Error: 201 has not opted out\n"


def test_the_wish_that_an_erasure_has_left_can_be_taken_back(opt_out, url, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", SECRET)
    left = CallerKeys("plain", SECRET.encode(), "98").hashed("09121234567")
    say(url, OptOut(left, 1.0, opted_out=True, source="key"))
    assert opt_out("remove", "+989121234567").exit_code == 0
    assert stored(url) == {left: (False, "command")}


def test_a_wish_dated_by_a_pbx_whose_clock_is_ahead_can_be_taken_back(opt_out, url):
    ahead = 4_000_000_000.0
    say(url, OptOut("201", ahead, opted_out=True, source="key"))
    assert opt_out("remove", "201").exit_code == 0
    assert stored(url) == {"201": (False, "command")}


def test_it_works_beside_a_daemon_that_reads_and_writes(opt_out, url):
    with database(url) as engine, engine.connect() as reading:
        assert opt_outs(reading) == []  # starts a transaction that stays open
        for number in ("201", "202", "203"):
            say(url, OptOut(f"9{number}", 1.0, opted_out=True, source="key"))
            assert opt_out("add", number).exit_code == 0
        assert opt_outs(reading) == []
        reading.rollback()
        assert len(opt_outs(reading)) == 6


def test_a_database_that_stays_locked_is_told_in_one_line(opt_out, url, monkeypatch, tmp_path):
    opt_out("list")  # creates the tables
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"{url}?timeout=0.1")
    holder = sqlite3.connect(tmp_path / "calls.sqlite", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        assert "database is locked" in refused(opt_out("add", "201"))
    finally:
        holder.close()


def test_what_is_wrong_with_the_configuration_is_told_in_one_line(opt_out, monkeypatch, tmp_path):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__NUMBER_STORAGE", "hashed")
    says = refused(opt_out("add", "201"))
    assert says.startswith("Error: callers: masked and hashed numbers need hash_secret")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", "short")
    says = refused(opt_out("add", "201"))
    assert "16 characters" in says
    assert "short" not in says.replace("hash_secret", "")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", "")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET_FILE", str(tmp_path / "none"))
    assert "callers.hash_secret_file" in refused(opt_out("add", "201"))
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", "sqlite:////no/such/folder/x.sqlite")
    assert "directory of the SQLite file does not exist" in refused(opt_out("list"))


@pytest.mark.parametrize("command", ["add", "remove", "list"])
def test_each_command_helps_with_an_example(opt_out, command):
    result = opt_out(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"cc-bridge opt-out {command}" in result.output
