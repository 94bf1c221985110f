"""Every record has a table and every column a comment, and all values are read back as written."""

import re
from dataclasses import fields, replace

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from cc_bridge.cli import main
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    AttributedBy,
    Call,
    CustomerNumber,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    NotRoutedCall,
    ObservationWatermark,
    OpenStateRecord,
    OptOut,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyDefinition,
    SurveyResult,
    Talk,
    Transfer,
    Trigger,
)
from cc_bridge.storage.migrate import VERSION_TABLE, open_database
from cc_bridge.storage.rollups import tables as rollup_tables
from cc_bridge.storage.schema.column_types import CleanText
from cc_bridge.storage.schema.tables import TABLES, metadata, row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.storage.schema_reference import page
from cc_bridge.storage.views import VIEWS
from support.generate import COMMAND
from support.paths import ROOT

T = 1_795_309_819.123456
CALL = {"pbx": "main", "call_id": "pbx1-1795309800.1", "uniqueid": "pbx1-1795309800.1"}
ZAHRA = {"agent": "زهرا کریمی‌نژاد", "interface": "PJSIP/201"}
RECORDS = [
    QueueVisit(**CALL, **ZAHRA, queue="sales", entered_at=T, left_at=T + 12.3, outcome=Outcome.ANSWERED,
               position=1, caller_number="+982112345678", caller_name='O\'Brien "; DROP TABLE rings; --',
               language="fa", ringing=False, decided_by="AgentConnect"),
    QueueVisit(**CALL, agent=None, interface=None, queue="پشتیبانی", entered_at=T, left_at=T + 3,
               outcome=Outcome.ABANDONED, position=0, caller_number="", caller_name="📞 مریم", language="",
               ringing=True, decided_by="QueueCallerAbandon"),
    Ring(**CALL, **ZAHRA, ring_uniqueid="pbx1-1795309800.2", queue="sales", started_at=T, ended_at=T + 4.5,
         outcome=RingOutcome.NO_ANSWER),
    Talk(**CALL, **ZAHRA, agent_uniqueid="pbx1-1795309800.2", queue="sales", answered_at=T, ended_at=T + 95,
         hold_seconds=7.25, holds=2, ended_by=EndedBy.TRANSFER, transfer=Transfer.BLIND,
         transfer_target="300"),
    Talk(**CALL, **ZAHRA, agent_uniqueid="pbx1-1795309800.3", queue="sales", answered_at=T, ended_at=T + 5,
         hold_seconds=0.0, holds=0, ended_by=EndedBy.CALLER, transfer=None, transfer_target=None),
    SurveyAttempt(**CALL, **ZAHRA, attempt_id="a1", queue="sales", survey="csat", version=3, language="fa",
                  started_at=T, ended_at=None, result=SurveyResult.STARTED, reason=""),
    SurveyAttempt(**CALL, **ZAHRA, attempt_id="a2", queue="sales", survey="csat", version=3, language="fa",
                  started_at=T, ended_at=T + 20, result=SurveyResult.COMPLETE, reason="",
                  trigger=Trigger.EXTENSION, attributed_by=AttributedBy.CHANNEL, caller_key="982112345678"),
    Answer(pbx="main", attempt_id="a1", question="agent", kind="csat", value=5, tries=2, answered_at=T),
    Answer(pbx="main", attempt_id="a1", question="why", kind="choice", value=3, tries=1, answered_at=T,
           queue="sales", **ZAHRA, label="زمان انتظار"),
    Answer(pbx="main", attempt_id="a1", question="more", kind="comment", value=12, tries=1, answered_at=T,
           recording="/var/spool/asterisk/cc_bridge/a1-more.wav"),
    SurveyDecision(**CALL, **ZAHRA, queue="sales", decided_at=T, survey="csat", trigger=Trigger.QUEUE,
                   stage="too_short", caller_key="982112345678"),
    NotRoutedCall(**CALL, **ZAHRA, queue="sales", ended_at=T, survey="csat", caller_key="982112345678"),
    SurveyDefinition(pbx="main", survey="csat", version=3, languages="fa,en", first_seen=T,
                     questions='[{"id": "why", "labels": {"1": "زمان \\"انتظار\\""}}]'),
    OptOut(caller_key="982112345678", updated_at=T, opted_out=True, source="key"),
    CustomerNumber(caller_key="982112345678", customer_id="C-7", name="شرکت نمونه", updated_at=T),
    Gap(pbx="main", started_at=T, ended_at=T + 60, reason=GapReason.LINK_LOST, calls_affected=4),
    AgentInterval(pbx="main", agent="زهرا کریمی‌نژاد", state=AgentState.PAUSED, started_at=T, ended_at=T + 600,
                  reason="ناهار", queue="", flagged=False),
    ObservationWatermark(pbx="main", observed_until=T),
    OpenStateRecord(pbx="main", kind="call", name=CALL["call_id"], state='{"call": "\\u0000 زهرا"}' * 500),
    Call(**CALL, direction=Direction.INTERNAL, started_at=T, ended_at=T + 90.5, caller_number="201",
         caller_name="زهرا", dialed="+98 21\r\n", language="fa", queue="", answered=True, queues=0, talks=1,
         wait_seconds=0.0, talk_seconds=77.125, partial=False),
]  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'calls.sqlite3'}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def connection(database_url):
    engine = open_database(database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def store(connection, record):
    table, row = row_of(record)
    connection.execute(upsert(table, connection.dialect.name), [row])
    return table


def read_back(connection, record):
    """Return the stored record with the kind and key of `record`."""
    table, row = row_of(record)
    mine = [table.c[key.name] == row[key.name] for key in table.primary_key]
    stored = connection.execute(select(table).where(*mine)).one()._mapping
    return type(record)(**{field.name: stored[field.name] for field in fields(record)})


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_comes_back_as_it_went_in(connection, record):
    for other in RECORDS:
        store(connection, other)
    assert read_back(connection, record) == record


def test_the_samples_hold_every_kind_of_record():
    assert {type(record) for record in RECORDS} == set(TABLES)


def test_durations_are_stored_for_those_who_query(connection):
    for record in RECORDS:
        store(connection, record)
    for sql, seconds in (
        ("SELECT wait_seconds FROM queue_visits WHERE queue = 'sales'", 12.3),
        ("SELECT ring_seconds FROM rings", 4.5),
        ("SELECT call_seconds FROM calls", 90.5),
        ("SELECT talk_seconds FROM talks WHERE transfer = 'blind'", 95.0),
    ):
        assert connection.exec_driver_sql(sql).scalar_one() == seconds


def test_a_record_stored_again_replaces_its_row(connection):
    started = next(record for record in RECORDS if isinstance(record, SurveyAttempt))
    ended = replace(started, ended_at=T + 20, result=SurveyResult.PARTIAL, reason="hung_up")
    store(connection, started)
    table = store(connection, ended)
    assert len(connection.execute(select(table)).all()) == 1
    assert read_back(connection, ended) == ended


def test_what_a_caller_said_last_holds_whichever_is_stored_last(database_url):
    said = OptOut(caller_key="982112345678", updated_at=T, opted_out=False, source="command")
    engine = open_database(database_url)
    with engine.connect() as connection:
        store(connection, said)
        for late in (T - 60, T - 0.000001):  # stored late, with an earlier instant
            store(connection, replace(said, updated_at=late, opted_out=True, source="key"))
            assert read_back(connection, said) == said
        again = replace(said, updated_at=T + 0.000001, opted_out=True, source="key")
        for _ in range(2):
            store(connection, again)
            assert read_back(connection, said) == again
    engine.dispose()


def test_what_a_version_of_a_survey_asked_first_stays(connection):
    first = next(record for record in RECORDS if isinstance(record, SurveyDefinition))
    later = replace(first, questions="[]", first_seen=T + 0.000001)
    for record in (later, first, later, replace(first, questions="[1]")):  # an earlier one, stored late
        store(connection, record)
    assert read_back(connection, first) == first


def test_keys_that_differ_in_blanks_at_their_end_are_two(connection):
    ring = next(record for record in RECORDS if isinstance(record, Ring))
    others = [replace(ring, ring_uniqueid=f"{ring.ring_uniqueid}{end}") for end in (" ", "  ", "\t", "\n")]
    for record in (ring, *others):
        store(connection, record)
    for record in (ring, *others):
        assert read_back(connection, record) == record


def test_the_key_is_the_one_that_the_record_names():
    for kind, table in TABLES.items():
        named = kind.__doc__.split("Key: ")[1].split(".")[0].split(", ")
        assert [column.name for column in table.primary_key] == named
        # An opt-out, and the customer of a number, apply to every PBX.
        assert named[0] == "pbx" or (kind in (OptOut, CustomerNumber) and named == ["caller_key"])


def test_every_field_of_a_record_has_its_column():
    for kind, table in TABLES.items():
        assert {field.name for field in fields(kind)} <= set(table.columns.keys())


def test_every_table_and_column_says_what_it_means():
    for table in metadata.sorted_tables:
        assert table.comment
        for column in table.columns:
            assert column.comment, column
            assert not column.name.endswith("_seconds") or column.comment.endswith("seconds")
            assert not column.name.endswith("_at") or column.comment.endswith("UTC")


def test_every_view_and_its_columns_say_what_they_mean():
    for view in VIEWS:
        assert view.table.comment
        assert set(view.key) <= set(view.table.columns.keys())
        for column in view.table.columns:
            assert column.comment, column
            assert not column.name.endswith("_seconds") or column.comment.endswith(", seconds")
            assert not column.name.endswith("_at") or column.comment.endswith(", UTC")


def test_postgresql_tells_what_each_column_means(postgres):
    """Tables and views have their comments, as an integrator's tools show them."""
    url = postgres.fresh()
    open_database(url).dispose()
    tables = postgres.run(
        "SELECT relname, obj_description(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'v')",
        url=url,
    )
    columns = postgres.run(
        "SELECT table_name, column_name, col_description(table_name::regclass, ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        url=url,
    )
    of_settled_days = rollup_tables.metadata.tables.values()
    described = [*metadata.tables.values(), *of_settled_days, *(view.table for view in VIEWS)]
    assert dict(tables).items() >= {table.name: table.comment for table in described}.items()
    wanted = {(table.name, column.name, column.comment) for table in described for column in table.columns}
    assert {column for column in columns if column[0] != VERSION_TABLE} == wanted


def test_mariadb_tells_what_each_column_means(mariadb):
    url = mariadb.fresh()
    open_database(url).dispose()
    names = ", ".join(f"'{view.table.name}'" for view in VIEWS)
    of_tables = f"table_schema = '{url.database}' AND table_name NOT IN ('{VERSION_TABLE}', {names})"
    tables = mariadb.run(
        f"SELECT table_name, table_comment FROM information_schema.tables WHERE {of_tables}", url=url
    )
    columns = mariadb.run(
        f"SELECT table_name, column_name, column_comment FROM information_schema.columns WHERE {of_tables}",
        url=url,
    )
    described = metadata.tables.values()
    assert dict(tables) == {table.name: table.comment for table in described}
    assert set(columns) == {
        (table.name, column.name, column.comment) for table in described for column in table.columns
    }


def test_the_committed_page_is_what_the_schema_says():
    committed = (ROOT / "config" / "docs" / "schema.md").read_text(encoding="utf-8")
    assert committed == page(), f"run: {COMMAND}"
    shown = CliRunner().invoke(main, ["db", "schema"])
    assert (shown.exit_code, shown.output) == (0, committed)
    assert "(config/docs/schema.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_has_every_table_and_column_in_its_place():
    sections = {part.partition("\n")[0]: part for part in page().split("\n### ")[1:]}
    described = [*metadata.tables.values(), *(view.table for view in VIEWS)]
    assert list(sections) == [table.name for table in described]
    for table in described:
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w*) \| (.+) \|$", sections[table.name], re.MULTILINE)
        assert [row[0] for row in rows] == table.columns.keys()
        for (_, _, unit, meaning), column in zip(rows, table.columns, strict=True):
            assert column.comment == meaning + (f", {unit}" if unit else "")
            assert "|" not in meaning


@pytest.mark.parametrize(
    ("index", "question"),
    [
        ("queue_visits_queue_entered_at", "queue_visits WHERE queue = 'a' AND entered_at > '2026'"),
        ("queue_visits_entered_at", "queue_visits WHERE entered_at > '2026'"),
        ("queue_visits_caller_number_entered_at", "queue_visits WHERE caller_number = '' AND entered_at > 1"),
        ("queue_visits_agent_entered_at", "queue_visits WHERE agent = 'a' AND entered_at > '2026'"),
        ("queue_visits_call_id", "queue_visits WHERE pbx = 'a' AND call_id = '1'"),
        ("calls_caller_number_started_at", "calls WHERE caller_number = '1' ORDER BY started_at"),
        ("calls_dialed_started_at", "calls WHERE dialed = '1' AND started_at > '2026'"),
        ("rings_agent_started_at", "rings WHERE agent = 'a' AND started_at > '2026'"),
        ("rings_started_at", "rings WHERE started_at < '2026'"),
        ("talks_agent_answered_at", "talks WHERE agent = 'a' AND answered_at > '2026'"),
        ("talks_answered_at", "talks WHERE answered_at > '2026'"),
        ("survey_attempts_caller_key_started_at", "survey_attempts WHERE caller_key = '' AND started_at > 1"),
        ("survey_decisions_caller_key_decided_at",
         "survey_decisions WHERE caller_key = '1' ORDER BY decided_at"),
        ("survey_decisions_decided_at", "survey_decisions WHERE decided_at > '2026'"),
        ("not_routed_calls_caller_key_ended_at",
         "not_routed_calls WHERE caller_key = '1' ORDER BY ended_at"),
        ("not_routed_calls_queue_ended_at", "not_routed_calls WHERE queue = 'a' AND ended_at > '2026'"),
        ("not_routed_calls_agent_ended_at", "not_routed_calls WHERE agent = 'a' AND ended_at > '2026'"),
        ("not_routed_calls_ended_at", "not_routed_calls WHERE ended_at > '2026'"),
        ("answers_agent_answered_at", "answers WHERE agent = 'a' AND answered_at > '2026'"),
        ("answers_queue_answered_at", "answers WHERE queue = 'a' AND answered_at > '2026'"),
        ("answers_answered_at", "v_ratings WHERE rated_at > '2026'"),
    ],
)  # fmt: skip
def test_the_usual_questions_have_their_index(empty, index, question):
    plan = empty.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {question}").all()
    assert f"USING INDEX ix_{index} " in plan[0].detail
    assert not any("SCAN" in step.detail or "TEMP B-TREE FOR ORDER" in step.detail for step in plan[:1])


def test_the_talk_and_the_wait_of_a_rating_are_looked_up_by_the_call(empty):
    plan = empty.exec_driver_sql("EXPLAIN QUERY PLAN SELECT * FROM v_ratings WHERE rated_at > '2026'").all()
    looked_up = [step.detail for step in plan if re.match(r"(SEARCH|SCAN) (talks|queue_visits)", step.detail)]
    assert len(looked_up) >= 3
    few = re.compile(r"USING INDEX ix_\w+_(call_id|answered_at) \((call_id|answered_at)=\?\)")
    assert all(few.search(detail) for detail in looked_up), looked_up


def test_the_outcome_columns_list_their_words():
    for column, words in (
        (TABLES[Call].c.direction, Direction),
        (TABLES[QueueVisit].c.outcome, Outcome),
        (TABLES[Ring].c.outcome, RingOutcome),
        (TABLES[Gap].c.reason, GapReason),
        (TABLES[AgentInterval].c.state, AgentState),
        (TABLES[Talk].c.ended_by, EndedBy),
        (TABLES[Talk].c.transfer, Transfer),
        (TABLES[SurveyAttempt].c.result, SurveyResult),
        (TABLES[SurveyAttempt].c.trigger, Trigger),
        (TABLES[SurveyAttempt].c.attributed_by, AttributedBy),
        (TABLES[SurveyDecision].c.trigger, Trigger),
    ):
        for word in words:
            assert word in column.comment
            assert len(word) <= column.type.length


def test_keys_and_indexes_fit_into_those_of_mariadb():
    def size(column):
        return 4 * column.type.length if isinstance(column.type, CleanText) else 8

    for table in metadata.sorted_tables:
        for columns in (table.primary_key, *(index.columns for index in table.indexes)):
            assert sum(size(column) for column in columns) <= 3072


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_upsert_is_one_statement_in_each_database(table):
    def compiled(name, dialect):
        return str(upsert(table, name).compile(dialect=dialect))

    for name, dialect in (("sqlite", sqlite.dialect()), ("postgresql", postgresql.dialect())):
        assert f"ON CONFLICT ({', '.join(table.primary_key.columns.keys())}) DO UPDATE SET" in compiled(
            name, dialect
        )
    for name in ("mysql", "mariadb"):
        assert " ON DUPLICATE KEY UPDATE " in compiled(name, mysql.dialect())


def test_what_is_not_a_record_has_no_row():
    with pytest.raises(KeyError):
        row_of("a text")
