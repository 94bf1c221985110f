"""`cc-bridge caller` as an administrator types it: it shows all data of a caller, and deletes all of it."""

import json
import re

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cc_bridge.cli import main
from cc_bridge.config import load
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import OptOut
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline import outbox
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.queries import follow_ups
from cc_bridge.storage.queries.survey_history import opt_outs
from cc_bridge.storage.schema.tables import calls, open_state, row_of
from support.survey_caller import T, everything, opt_out, records, unfinished_call, write

SECRET = "a secret of the centre"
NATIONAL = "9121234567"
WAYS = [f"0{NATIONAL}", f"+98{NATIONAL}", f"0098{NATIONAL}", f"98{NATIONAL}", "۰۹۱۲۱۲۳۴۵۶۷"]
OTHER = "+989129876543"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def config(folder, tmp_path, database_url, monkeypatch):
    """Return the configuration for each kind of database. Local files are in `folder`."""
    url = database_url if "sqlite" not in database_url else f"sqlite:///{folder / 'calls.sqlite'}"
    for key, value in {
        "STORAGE__URL": url,
        "STORAGE__JOURNAL_FILE": str(folder / "journal.sqlite"),
        "CALLERS__COUNTRY_CODE": "98",
        "CALLERS__HASH_SECRET": SECRET,
        "SURVEY__RECORDINGS_DIRECTORY": str(tmp_path / "comments"),
    }.items():
        monkeypatch.setenv(f"CC_BRIDGE_{key}", value)
    (tmp_path / "comments").mkdir()
    return load(None)


@pytest.fixture
def engine(config):
    engine = open_database(config.storage.url)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(config):
    """Yield an open journal, as a running daemon has it. Without a database server it is None."""
    if not config.storage.on_server:
        yield None
        return
    journal = Journal(config.storage.journal_file, 10_000_000)
    yield journal
    journal.close()


@pytest.fixture
def filled(config, engine, journal, tmp_path):
    """Store records of the caller, in each form of the number, and of another caller, everywhere."""
    keys = config.callers.caller_keys()
    comments = tmp_path / "comments"
    for n, number in enumerate([*WAYS, OTHER], 1):
        name = "Ali" if number == OTHER else "Maryam"
        rows = records(n, number, keys, name, folder=comments)
        write(engine, *rows)
        if journal:
            journal.write([row_of(record) for record in rows])
        (comments / f"{n}-a-why.wav").write_bytes(b"RIFF")
        key = keys.key(number)
        outcome = f"{name} has {number}"
        opened = FollowUp(f"{n}fa94c01bb4f9a2e", "pbx", f"reason {n}", key, number, "sales", "Alice",
                          f"{n}.1", "csat=1", "sara", T, T, outcome=outcome)  # fmt: skip
        assert follow_ups.opened(engine, opened, key, [key])
    letters = [
        outbox.row("crm", f"evt_{n}", "call_ended", f"{n}.1", body(n, number), T)
        for n, number in enumerate([*WAYS, OTHER], 1)
    ]
    if journal:
        journal.write(letters)
        journal.ack(9)
        journal.reject(10, "refused")
        return
    with engine.begin() as connection:
        for statement in outbox.statements():
            connection.exec_driver_sql(statement)
        connection.execute(outbox.outbox.insert(), [row for _, row in letters])
        states = [
            {"pbx": "pbx", "kind": "call", "name": "9.1", "state": unfinished_call(WAYS[1])},
            {"pbx": "pbx", "kind": "call", "name": "9.2", "state": unfinished_call(OTHER, "Ali")},
        ]
        connection.execute(open_state.insert(), states)


def body(n, number):
    name = "Ali" if number == OTHER else "Maryam"
    return json.dumps({"data": {"call_id": f"{n}.1", "caller_number": number, "caller_name": name}})


def run(*words, **more):
    result = CliRunner().invoke(main, ["caller", *words], **more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def bytes_of(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return b"".join(path.read_bytes() for path in files)


TRACES = re.compile(rb"9121234567|\xdb\xb9\xdb\xb1\xdb\xb2|06f9.u06f1|Maryam|" + CallerKeys(
    "hashed", SECRET.encode(), "98").key(WAYS[0]).encode())  # fmt: skip


@pytest.mark.parametrize("way", [WAYS[0], WAYS[1], "0912 123 45 67"])
@pytest.mark.usefixtures("filled")
def test_what_is_shown_is_all_of_the_caller_and_of_nobody_else(config, way):
    result = run("export", way)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    counted = {name: len(rows) for name, rows in found.items() if name != "journal"}
    expected = {"calls": 10, "queue_visits": 5, "rings": 5, "talks": 5, "survey_attempts": 5,
                "survey_decisions": 5, "not_routed_calls": 5, "answers": 10, "customers": 1,
                "follow_ups": 5}  # fmt: skip
    if not config.storage.on_server:
        expected |= {"outbox": 5, "open_state": 1}
    else:
        assert {name: len(rows) for name, rows in found["journal"].items()}["outbox"] == 5
    assert counted == expected
    assert 'Ali"' not in result.stdout
    assert OTHER not in result.stdout
    assert found["answers"][1]["recording"].endswith("-a-why.wav")
    assert found["calls"][0]["started_at"] == "2026-11-22T01:10:19.000Z"


@pytest.mark.usefixtures("filled", "journal")
def test_after_an_erasure_no_byte_of_the_caller_is_left(config, engine, folder, tmp_path):
    write(engine, opt_out(WAYS[0], config.callers.caller_keys()))
    assert TRACES.search(bytes_of(folder))
    result = run("erase", WAYS[2], "--yes", "--forget-opt-out")
    assert result.exit_code == 0, result.output
    assert not TRACES.search(str(everything(engine)).encode())
    assert not TRACES.search(bytes_of(folder))
    assert not TRACES.search(result.output.encode())
    assert [path.name for path in (tmp_path / "comments").iterdir()] == ["6-a-why.wav"]


@pytest.mark.usefixtures("filled")
def test_the_figures_stay_and_so_does_everybody_else(config, engine, folder):
    before = everything(engine)
    assert run("erase", WAYS[0], "--yes").exit_code == 0
    after = everything(engine)
    # Names from a CRM and texts of follow-ups are deleted; all other rows stay.
    gone = {"customers": 1, "follow_ups": 5}
    assert {name: len(rows) + gone.get(name, 0) for name, rows in after.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    for name, rows in before.items():
        others = [row for row in rows if "6." in row or "6-a" in row or "Ali'" in row]
        assert [row for row in others if row in after[name]] == others
    with engine.connect() as connection:
        rows = connection.execute(select(calls).where(calls.c.call_id.in_(["1.1", "1.7"]))).mappings().all()
    came, went = sorted(rows, key=lambda row: row["call_id"])
    assert (came["caller_number"], came["caller_name"], came["dialed"]) == ("", "", "02112345678")
    assert (came["talk_seconds"], came["queue"]) == (50.0, "sales")
    assert (went["caller_number"], went["caller_name"], went["dialed"]) == ("201", "Alice", "")
    assert b"Ali" in bytes_of(folder) or config.storage.on_server


@pytest.mark.usefixtures("filled")
def test_who_has_opted_out_is_not_asked_again_though_erased(config, engine):
    keys = config.callers.caller_keys()
    write(engine, opt_out(WAYS[0], keys))
    result = run("erase", WAYS[1], "--yes")
    assert "opt-out is kept as a hash" in result.output
    with engine.connect() as connection:
        (said,) = opt_outs(connection)
    assert said == OptOut(keys.hashed(WAYS[0]), T, opted_out=True, source="key")
    assert "opt_outs" not in run("erase", WAYS[1], "--yes").output.split("recordings")[0]
    with engine.connect() as connection:
        assert opt_outs(connection) == [said]


@pytest.mark.parametrize("hashed", [False, True])
def test_who_wants_to_be_asked_again_leaves_nothing(config, engine, journal, hashed):
    key = config.callers.caller_keys().hashed(WAYS[0]) if hashed else f"98{NATIONAL}"
    wish = OptOut(key, T, opted_out=False, source="command")
    write(engine, wish)
    if journal is not None:
        journal.write([row_of(wish)])
    assert run("erase", WAYS[1], "--yes").exit_code == 0
    assert everything(engine)["opt_outs"] == []
    assert journal is None or journal.head(10) == []


@pytest.mark.usefixtures("engine")
def test_the_wish_waiting_in_the_journal_becomes_a_hash_too(config, journal, folder):
    if journal is None:
        pytest.skip("an SQLite database has no journal")
    keys = config.callers.caller_keys()
    journal.write([row_of(opt_out(WAYS[0], keys)), row_of(OptOut(f"98{NATIONAL}", T, False, "key"))])
    assert run("erase", WAYS[1], "--yes").exit_code == 0
    (entry,) = journal.head(10)
    assert entry.row[1]["caller_key"] == keys.hashed(WAYS[0])
    assert not re.search(rb"9121234567", bytes_of(folder))


@pytest.mark.usefixtures("filled")
def test_without_a_secret_an_opt_out_stops_the_erasure_before_anything_is_changed(
    config, engine, monkeypatch
):
    write(engine, opt_out(WAYS[0], config.callers.caller_keys()))
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", "")
    before = everything(engine)
    result = run("erase", WAYS[0], "--yes")
    assert result.exit_code == 1
    assert "set callers.hash_secret" in result.output
    assert everything(engine) == before
    assert run("erase", WAYS[0], "--yes", "--forget-opt-out").exit_code == 0
    assert not TRACES.search(str(everything(engine)).encode())


@pytest.mark.parametrize("numbers", ["masked", "hashed"])
@pytest.mark.usefixtures("config")
def test_what_was_stored_hidden_is_found_by_the_true_number(engine, monkeypatch, numbers):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__NUMBER_STORAGE", numbers)
    keys = CallerKeys(numbers, SECRET.encode(), "98")
    privacy = RecordPseudonymizer(keys)
    for n, number in ((1, WAYS[0]), (2, OTHER)):
        write(engine, *map(privacy.of, records(n, number, keys)))
    hidden = {"masked": "98912123xxxx", "hashed": keys.key(WAYS[0])}[numbers]
    found = json.loads(run("export", WAYS[1]).stdout)
    assert {row["call_id"] for row in found["calls"]} >= {"1.1"}
    assert not {row["call_id"] for row in found["calls"]} & {"2.1", "2.7"}
    assert run("erase", WAYS[1], "--yes").exit_code == 0
    left = everything(engine)
    assert hidden not in str([row for row in left["calls"] if "1.1" in row])
    assert keys.key(WAYS[0]) not in str(
        left["survey_attempts"] + left["survey_decisions"] + left["not_routed_calls"]
    )
    assert keys.key(OTHER) in str(left["survey_attempts"])


@pytest.mark.usefixtures("filled", "config")
def test_the_erasure_is_noted_without_the_caller(folder):
    run("erase", WAYS[0], "--yes")
    (line,) = (folder / "erasures.log").read_text().splitlines()
    note = json.loads(line)
    assert note["rows"]["calls"] == 10
    assert note["recordings"] == 5
    assert re.fullmatch(r"[0-9a-f]{16}", note["id"])
    assert not TRACES.search(line.encode())
    run("erase", WAYS[0], "--yes")
    assert len((folder / "erasures.log").read_text().splitlines()) == 2


@pytest.mark.usefixtures("filled")
def test_a_recording_that_is_not_here_is_named(tmp_path):
    (tmp_path / "comments" / "1-a-why.wav").unlink()
    result = run("erase", WAYS[0], "--yes")
    assert f"delete it on the PBX: {tmp_path}/comments/1-a-why.wav" in result.stderr
    assert "A call that is in progress is stored when it ends" in result.stderr


@pytest.mark.usefixtures("filled")
def test_a_recording_that_may_not_be_removed_stops_it_before_anything_is_changed(engine, tmp_path):
    (tmp_path / "comments" / "1-a-why.wav").unlink()
    (tmp_path / "comments" / "1-a-why.wav").mkdir()
    before = everything(engine)
    result = run("erase", WAYS[0], "--yes")
    assert result.exit_code == 1
    assert "cannot be removed" in result.output
    assert everything(engine) == before


@pytest.mark.usefixtures("filled")
def test_nothing_is_erased_without_a_yes(engine):
    before = everything(engine)
    assert run("erase", WAYS[0], input="n\n").exit_code == 1
    assert everything(engine) == before
    assert run("erase", WAYS[0], input="y\n").exit_code == 0
    assert everything(engine) != before


@pytest.mark.parametrize("command", ["export", "erase"])
@pytest.mark.usefixtures("config")
def test_what_is_no_number_is_refused(command):
    result = run(command, "anonymous\x1b[31m")
    assert result.exit_code == 1
    assert "not a phone number" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.usefixtures("config", "engine")
def test_somebody_unknown_is_no_error():
    assert run("erase", "+442071234567", "--yes").exit_code == 0
    assert not any(json.loads(run("export", "+442071234567").stdout).values())


@pytest.mark.usefixtures("config", "engine")
def test_without_a_country_it_is_said_that_one_writing_is_found(monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__COUNTRY_CODE", "")
    assert "callers.country_code is not set" in run("export", WAYS[0]).stderr


@pytest.mark.usefixtures("engine")
def test_a_journal_file_that_is_locked_is_told_in_one_line(config):
    if not config.storage.on_server:
        pytest.skip("an SQLite database has no journal")
    make_engine(f"sqlite:///{config.storage.journal_file}").connect().close()
    config.storage.journal_file.write_bytes(b"this is no SQLite file, " * 100)
    result = run("erase", WAYS[0], "--yes")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
