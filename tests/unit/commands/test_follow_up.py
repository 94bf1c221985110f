"""`cc-bridge follow-up` as a user types it."""

import json
import re
from datetime import datetime

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.follow_ups.follow_up import Action, FollowUp
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import follow_ups as stored

T = 1_795_309_819.25
LATER = 4e9  # a due time in the far future


def opened(n, owner="sara", due_at=LATER, number="+989121234567"):
    return FollowUp(f"{n}fa94c01bb4f9a2e", "main", "low_rating", f"98912123456{n}", number, "sales", "Zahra",
                    f"{n}.1", "csat=1", owner, T, due_at)  # fmt: skip


@pytest.fixture
def engine(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    engine = open_database(url)
    for each in (opened(3), opened(4, "ali", T + 60), opened(5, "", LATER - 1, "\x1b[31m99\u202e")):
        assert stored.opened(engine, each, each.caller_key, [each.caller_key])
    yield engine
    engine.dispose()


def run(*words):
    result = CliRunner().invoke(main, ["follow-up", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.usefixtures("engine")
def test_the_list_has_the_ones_that_are_due_first():
    title, *lines = run("list").output.splitlines()
    assert title.split() == ["id", "due", "state", "owner", "caller", "why"]
    due = datetime.fromtimestamp(T + 60).astimezone()
    assert lines[0].split() == [
        "4fa94c01", f"{due:%Y-%m-%d}", f"{due:%H:%M}", "overdue", "ali", "+989121234567", "low_rating",
        "(csat=1)",
    ]  # fmt: skip
    assert [line[:8] for line in lines] == ["4fa94c01", "5fa94c01", "3fa94c01"]
    assert " -  " in lines[1]
    assert lines[1].isprintable()


@pytest.mark.usefixtures("engine")
def test_it_can_be_narrowed_down():
    def ids(*words):
        return [
            json.loads(line)["follow_up_id"][0] for line in run("list", "--json", *words).output.splitlines()
        ]

    assert ids("--owner", "sara") == ["3"]
    assert ids("--overdue") == ["4"]
    assert run("take", "3fa9", "--by", "sara").exit_code == 0
    assert ids("--state", "taken") == ["3"]
    assert ids("--state", "open", "--state", "taken") == ["4", "5", "3"]
    assert run("list", "--state", "done").output == "no follow-ups\n"


@pytest.mark.usefixtures("engine")
def test_a_program_gets_all_that_is_known():
    (found,) = map(json.loads, run("list", "--json", "--overdue").output.splitlines())
    assert found["opened_at"] == "2026-11-22T01:10:19.250Z"
    assert found["closed_at"] is None
    assert found["overdue"] is True
    assert found.keys() == {*FollowUp.__dataclass_fields__, "overdue"}


def test_it_is_taken_and_closed(engine):
    assert run("take", "3FA9", "--by", "sara").output == "3fa94c01 is taken, by sara\n"
    assert "taken by sara" in run("list").output
    assert (
        run("done", "3fa9", "--by", "ali", "--outcome", "a new\ncard").output == "3fa94c01 is done, by ali\n"
    )
    assert run("dismiss", "4fa94c01bb4f9a2e", "--by", "ali", "--why", "a test").output.endswith(
        "dismissed, by ali\n"
    )
    with engine.connect() as connection:
        assert stored.one(connection, "3fa9").outcome == "a new card"
    assert "ali: a new card" in run("list", "--state", "done").output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("take", "9fa9", "--by", "sara"), "there is no follow-up '9fa9'; see cc-bridge follow-up list"),
        (("take", "3fa9", "--by", " "), "your name is missing: enter it"),
        (("done", "3fa9", "--by", "sara", "--outcome", " "), "the result is missing: enter it as text"),
        (("dismiss", "3fa9", "--by", "sara", "--why", "x" * 1001), "longer than 1000 characters"),
        (("take", "5fa9", "--by", "sara"), "follow-up 5fa94c01 is already taken, by ali"),
        (("take", "3fa9"), "Missing option '--by'"),
        (("done", "3fa9", "--by", "sara"), "Missing option '--outcome'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(engine, words, says):
    with engine.begin() as connection:
        stored.moved(connection, opened(5).follow_up_id, Action.TAKE, "ali", "", T)
    result = run(*words)
    assert result.exit_code in (1, 2)
    assert re.search(rf"^Error: .*{re.escape(says)}.*$", result.output, re.MULTILINE)
    assert "Traceback" not in result.output
