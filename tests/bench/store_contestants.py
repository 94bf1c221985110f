"""The writers of the storage bench, each a process: `python store_contestants.py NAME URL FOLDER SECONDS`.

`store.py` starts it. `bridge` is the daemon's storage: the writer into an SQLite file, or the writer, the
journal and the forwarder into a server. It gets 2,000 records a second by the clock, and marks in
`observation_watermarks` show its progress. `executemany` passes the same rows to SQLAlchemy in transactions
of a thousand, as fast as possible, like a program that has all rows in a list.

The process prints JSON: the number of records, and the CPU time of this process (getrusage, all threads).
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from contact_records import PBX, records

from cc_bridge.records import Answer, ObservationWatermark, OpenStateRecord, Record, SurveyAttempt
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.pipeline.writer import Writer
from cc_bridge.storage.schema.tables import open_state, row_of

RATE = 2_000  # records a second
_TICK = 0.005  # seconds
_CUT = 0.2  # seconds, as in record_pipeline.py
_MARK = 0.1  # seconds from a mark to the next
_SEED = 7
_BATCH = 1_000
_DEADLINE = 60.0


def bridge(url: str, folder: Path, written: list[Record]) -> float:
    """Write the records at `RATE` through the daemon's storage and return the CPU seconds."""
    forwarder = None
    if not url.startswith("sqlite"):
        journal = Journal(folder / "journal.sqlite", 1024 * 1024**2)
        forwarder = Forwarder(journal, lambda: open_database(url), _at_once)
        forwarder.start()
    writer = Writer(forwarder.journal if forwarder else SqlSink(lambda: open_database(url)), _at_once)
    writer.start()
    done: list[object] = []
    writer.commit(ObservationWatermark(PBX, time.time())).addCallback(done.append)  # tables exist
    _wait(lambda: done and not (forwarder and forwarder.journal.pending))
    cpu = _cpu()
    _pace(writer, written)
    spent = _cpu() - cpu
    stopped: list[int] = []
    writer.stop(_DEADLINE).addCallback(stopped.append)
    _wait(lambda: stopped)
    if forwarder:
        forwarder.stop(_DEADLINE)
        _wait(lambda: not forwarder.alive)
    return spent


def _pace(writer: Writer, written: list[Record]) -> None:
    began = time.perf_counter()
    cut = mark = 0.0
    done = 0
    while done < len(written):
        now = time.perf_counter() - began
        for record in written[done : int(now * RATE)]:
            if isinstance(record, Answer | SurveyAttempt):  # a caller waits for it
                writer.seal_batch()
                writer.commit(record)
            else:
                writer.put(record, last=False)
            done += 1
        if now >= mark:
            writer.put(ObservationWatermark(PBX, time.time()), last=False)
            mark += _MARK
        if now >= cut:
            writer.seal_batch()
            cut += _CUT
        time.sleep(_TICK)
    writer.put(ObservationWatermark(PBX, time.time()))


def executemany(url: str, _folder: Path, written: list[Record]) -> float:
    """Insert the records as fast as possible and return the CPU seconds."""
    rows = [row_of(record) for record in written]
    engine = open_database(url)
    cpu = _cpu()
    for first in range(0, len(rows), _BATCH):
        by_table: dict[Any, list[dict[str, Any]]] = {}
        for table, row in rows[first : first + _BATCH]:
            by_table.setdefault(table, []).append(row)
        with engine.begin() as connection:
            for table, its_rows in by_table.items():
                connection.execute(table.insert(), its_rows)
    spent = _cpu() - cpu
    engine.dispose()
    return spent


def _at_once(function: Callable[..., object], *args: object) -> None:
    function(*args)


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the storage did not finish in time")
        time.sleep(0.01)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    name, url, folder, seconds = sys.argv[1:]
    written = list(islice(records(_SEED, time.time()), int(float(seconds) * RATE)))
    gc.collect()
    gc.freeze()  # as the daemon does
    if name == "executemany":  # no row twice, and no row that is deleted later
        written = [
            record
            for record in written
            if not isinstance(record, OpenStateRecord)
            and not (isinstance(record, SurveyAttempt) and record.ended_at is None)
        ]
    spent = {"bridge": bridge, "executemany": executemany}[name](url, Path(folder), written)
    keys = {
        (table.name, *(row[column.name] for column in table.primary_key))
        for table, row in map(row_of, written)
        if table is not open_state
    }
    sys.stdout.write(json.dumps({"records": len(written), "keys": len(keys), "cpu_seconds": spent}))


if __name__ == "__main__":
    main()
