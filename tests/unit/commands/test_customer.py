"""`cc-bridge customer` as an administrator types it."""

import json
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cc_bridge.cli import main
from cc_bridge.config import load
from cc_bridge.records import Outcome
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import customers
from integration.storage.queries.test_customers import HOUR, KEY, called, called_back, rated
from support.paths import FIXTURES
from support.survey_caller import write

CUSTOMERS = FIXTURES / "customers"
DAY = 86_400.0
TABLE = """\
number,customer_id,name
۰۹۱۲۱۲۳۴۵۶۷,C-1,کریمی‌نژاد
9129876543,C-2,Ali
anonymous,C-3,Unknown
+98 21 2345 6789,C-4,Switchboard
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    for key, value in {
        "STORAGE__URL": url,
        "CALLERS__COUNTRY_CODE": "98",
        "CUSTOMERS__SHARED_NUMBERS": '["02123456789"]',
    }.items():
        monkeypatch.setenv(f"CC_BRIDGE_{key}", value)
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text(TABLE, encoding="utf-8-sig")
    return str(file)


def run(*words):
    return CliRunner().invoke(main, ["customer", *words])


def stored(engine):
    with engine.connect() as connection:
        return {tuple(row)[:3] for row in connection.execute(select(customers))}


def test_a_table_is_taken_in_and_its_faults_are_told_and_counted(engine, table):
    result = run("import", table)
    assert result.exit_code == 1
    assert result.stdout == "2 new, 0 changed, 0 unchanged, 2 faulty lines skipped\n"
    assert f"{table}:4: not a phone number" in result.stderr
    assert f"{table}:5: the number is listed in customers.shared_numbers" in result.stderr
    assert stored(engine) == {(KEY, "C-1", "کریمی‌نژاد"), ("989129876543", "C-2", "Ali")}


def test_again_changes_nothing(engine, table):
    run("import", table)
    with engine.connect() as connection:
        before = connection.execute(select(customers)).all()
    assert "0 new, 0 changed, 2 unchanged" in run("import", table).stdout
    with engine.connect() as connection:
        assert connection.execute(select(customers)).all() == before


@pytest.mark.usefixtures("engine")
def test_many_faults_are_counted_and_some_are_told(tmp_path):
    file = tmp_path / "many.csv"
    file.write_text("number,customer_id,name\n" + "x,C,\n" * 50)
    result = run("import", str(file))
    assert result.stderr.count("not a phone number") == 20
    assert "... and 30 more" in result.stderr
    assert "50 faulty" in result.stdout


@pytest.mark.usefixtures("engine")
def test_a_file_that_is_no_table_is_told_in_one_line(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0")
    result = run("import", str(file))
    assert result.exit_code == 1
    assert result.stderr.strip().splitlines()[-1] == "Error: line 1 is not UTF-8: save the table as CSV UTF-8"


@pytest.mark.parametrize(
    ("name", "says", "numbers"),
    [
        ("customers_float", "4 new, 0 changed, 0 unchanged, 0 faulty lines skipped",
         {"989120000015", "989120000016", "982188000014", "989120000017"}),
        ("customers_same_number_twice", "1 new, 1 changed, 0 unchanged, 0 faulty lines skipped",
         {"989120000001"}),
        ("customers_sep_line", "1 new, 0 changed, 0 unchanged, 0 faulty lines skipped", {"989120000001"}),
    ],
)  # fmt: skip
def test_tables_that_spreadsheets_write(engine, name, says, numbers):
    result = run("import", str(CUSTOMERS / f"{name}.csv"))
    assert (result.exit_code, result.stdout) == (0, says + "\n")
    assert {key for key, *_ in stored(engine)} == numbers


@pytest.mark.usefixtures("engine")
def test_carriage_returns_alone_are_told_in_one_line():
    result = run("import", str(CUSTOMERS / "customers_cr_only.csv"))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: the lines end with a carriage return alone: save the table as CSV UTF-8"
    )


@pytest.mark.usefixtures("engine")
def test_a_line_of_any_length_is_told_in_one_line(tmp_path):
    file = tmp_path / "long.csv"
    file.write_bytes(b"number,customer_id,name," + b"x" * 3_000_000)
    result = run("import", str(file))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Error: line 1 is longer than 64 KiB: the file is not a table"


def test_names_are_not_stored_beside_hidden_numbers(engine, table, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__NUMBER_STORAGE", "hashed")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", "a secret of the centre")
    result = run("import", table)
    assert "names were not stored" in result.stderr
    key = load(None).callers.caller_keys().key("09121234567")
    assert {(key, "C-1", "")} < stored(engine)
    assert {name for _, _, name in stored(engine)} == {""}


def test_a_history_is_shown_to_people_and_to_programs(engine, table):
    run("import", table)
    at = time.time() - 2 * DAY
    write(engine, *called("1", at, Outcome.ABANDONED), *called_back("2", at + HOUR))
    write(engine, *rated("2", at + HOUR + 60, ("agent", "csat", 4), ("why", "comment", 9)))
    result = run("show", "0912 123 4567")
    assert result.exit_code == 0
    who, *lines = result.stdout.splitlines()
    assert who == "کریمی‌نژاد  C-1  numbers: 1"
    assert [line[21:] for line in lines][-2:] == [
        "talk (out) with Ali: 40 s",
        "queue sales: abandoned after 30 s, recalled after 59 min 30 by Ali",
    ]
    assert {"rating agent (csat): 4", "comment: 9 s, removed"} < {line[21:] for line in lines}
    told = json.loads(run("show", "+989121234567", "--json").stdout)
    assert (told["customer_id"], len(told["timeline"])) == ("C-1", 4)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("anonymous", "not a phone number"),
        ("02123456789", "02123456789 is listed in customers.shared_numbers"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_who_is_nobody_has_no_history(number, says):
    result = run("show", number)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("engine")
def test_of_a_stranger_nothing_happened():
    assert run("show", "09120000000").stdout == "no entries\n"


def test_recalls_and_repeats_are_counted(engine):
    now = time.time()
    old = now - 10 * DAY
    write(engine, *called("1", old, Outcome.ABANDONED), *called_back("2", old + HOUR))
    write(engine, *called("3", old, Outcome.TIMED_OUT, key="98913"), *called("4", old + 2 * DAY, key="98913"))
    write(engine, *called("5", old, Outcome.ABANDONED, key="98914"), *called("6", old + HOUR, key="98914"))
    write(engine, *called("7", now - HOUR, Outcome.ABANDONED, key="98915"))
    day = time.strftime("%Y-%m-%d", time.localtime(old - DAY))
    lines = run("lost-calls", "--from", day).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["lost", "calls", "3"],
        ["recalled", "1"],
        ["self_served", "1"],
        ["not_managed", "1"],
        ["recall", "66.7%"],
        ["less", "than", "24", "h", "ago", "1"],
        ["median", "time", "to", "recall", "59", "min", "30"],
        ["by", "Ali", "1"],
        ["repeat", "within", "24", "h", "20.0%", "of", "5"],
        ["repeat", "within", "168", "h", "40.0%", "of", "5"],
    ]
    lost = run("lost-calls", "--from", day, "--lost").stdout.splitlines()
    assert [line.split()[2:] for line in lost] == [
        ["98913", "sales", "timed_out", "not_managed"],
        ["98915", "sales", "abandoned", "open"],
    ]


@pytest.mark.usefixtures("engine")
def test_without_calls_there_is_no_data():
    result = run("lost-calls", "--from", "2026-11-22", "--to", "2026-11-23")
    assert result.exit_code == 0
    assert "no data" in result.stdout
