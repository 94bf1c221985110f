"""The commands `customer import`, `show` and `lost-calls`."""

import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import (
    FILE,
    LOCAL_TIME,
    config_option,
    load_config,
    progress,
    reading,
    say,
    say_lines,
)
from cc_bridge.safe_text.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from cc_bridge.config import Config
    from cc_bridge.customers.csv_import import CsvFault, CsvLine
    from cc_bridge.customers.lost_calls import LostCall, RepeatCalls
    from cc_bridge.customers.number_keys import NumberKeys
    from cc_bridge.customers.timeline import Timeline, TimelineEntry
    from cc_bridge.records import CustomerNumber
    from cc_bridge.reports.render.localization import Localization

__all__ = ["customer"]

_FAULTS_SHOWN = 20
_BATCH = 1000  # numbers per transaction


@click.group()
def customer() -> None:
    """Import customers from a CRM, show the history of a customer, and report lost and repeat calls.

    \b
    Example:  cc-bridge customer show +989121234567
    """


@customer.command("import")
@config_option
@click.argument("file", type=FILE)
def import_customers(file: Path, path: Path | None) -> None:
    """Import customers from a CSV file in UTF-8 with the columns number, customer_id and name.

    A known number gets the new id and name; a second import of the same file has no effect. Numbers with the
    same customer_id belong to one customer. Faulty lines are reported and skipped; the exit code is then 1.

    \b
    Example:  cc-bridge customer import customers.csv
    """
    from cc_bridge.config.customers import make_numbers
    from cc_bridge.customers.csv_import import LONGEST_LINE, read
    from cc_bridge.storage.migrate import database

    config = load_config(path)
    numbers = make_numbers(config)
    with database(config.storage.url) as engine, reading(), file.open("rb") as stream:
        importer = _Importer(engine, config)
        with progress(file.stat().st_size, "import") as bar:

            def lines() -> "Iterator[bytes]":
                while line := stream.readline(LONGEST_LINE + 1):
                    bar.update(len(line))
                    yield line

            for line in read(lines()):
                importer.add(line, numbers)
            importer.store()
    counts = importer.counts
    for fault in importer.faults:
        say(f"{file}:{fault.line}: {fault.reason}", err=True)
    if counts["faulty"] > len(importer.faults):
        say(f"... and {counts['faulty'] - len(importer.faults)} more", err=True)
    say(f"{counts['new']} new, {counts['changed']} changed, {counts['same']} unchanged, "
               f"{counts['faulty']} faulty lines skipped")  # fmt: skip
    if config.callers.number_storage != "plain":
        say('names were not stored, since callers.number_storage is not "plain"', err=True)
    if counts["faulty"]:
        sys.exit(1)


class _Importer:
    """One import of the lines of a CSV file into the database, in batches.

    It counts the lines by result: new, changed, same or faulty.
    """

    def __init__(self, engine: "Engine", config: "Config") -> None:
        from time import time

        self.counts: Counter[str] = Counter()  # new, changed, same, faulty
        self.faults: list[CsvFault] = []  # the first _FAULTS_SHOWN
        self._engine = engine
        self._plain = config.callers.number_storage == "plain"
        self._now = time()
        self._waiting: list[CustomerNumber] = []

    def add(self, line: "CsvLine | CsvFault", numbers: "NumberKeys") -> None:
        """Add a line to the batch, and store the batch if it is full.

        A faulty line is only counted. A line is also faulty if its number is not a phone number, or is listed
        in customers.shared_numbers.
        """
        from cc_bridge.customers.csv_import import CsvFault
        from cc_bridge.records import CustomerNumber

        if isinstance(line, CsvFault):
            self._left_out(line)
        elif not (key := numbers.key(line.number)):
            self._left_out(CsvFault(line.line, "not a phone number"))
        elif numbers.is_shared(line.number):
            self._left_out(CsvFault(line.line, "the number is listed in customers.shared_numbers"))
        else:
            name = line.name if self._plain else ""
            self._waiting.append(CustomerNumber(key, line.customer_id, name, self._now))
            if len(self._waiting) >= _BATCH:
                self.store()

    def store(self) -> None:
        """Store the current batch in one transaction, and count new, changed and unchanged numbers."""
        from cc_bridge.storage.queries.customers import import_numbers

        new, changed = import_numbers(self._engine, self._waiting)
        self.counts.update(new=new, changed=changed, same=len(self._waiting) - new - changed)
        self._waiting.clear()

    def _left_out(self, fault: "CsvFault") -> None:
        self.counts["faulty"] += 1
        if len(self.faults) < _FAULTS_SHOWN:
            self.faults.append(fault)


@customer.command()
@config_option
@click.argument("number")
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, as /api/customers returns it."
)
def show(number: str, path: Path | None, *, as_object: bool) -> None:
    """Print the history of the customer with this NUMBER, newest entry first (local time).

    \b
    Examples:  cc-bridge customer show +989121234567
               cc-bridge customer show 09121234567 --json | jq .customer_id
    """
    from time import time

    from cc_bridge.config.customers import make_numbers
    from cc_bridge.config.report_parameters import localization
    from cc_bridge.customers.timeline import as_json
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.customer_timeline import timeline

    config = load_config(path)
    numbers = make_numbers(config)
    keys = numbers.keys(number)
    if not keys:
        raise click.ClickException(f"not a phone number: {number!r}")
    if numbers.is_shared(number):
        raise click.ClickException(
            f"{number} is listed in customers.shared_numbers, so it belongs to no single customer"
        )
    with database(config.storage.url) as engine, engine.connect() as connection:
        found = timeline(connection, keys, time(), numbers.shared)
    if as_object:
        say_lines(json_text(as_json(found), 2))
        return
    for line in _lines(found, localization(config, None, "en", "latin")):
        say(line)


def _lines(timeline: "Timeline", wording: "Localization") -> "Iterator[str]":
    """Yield the history of a customer as lines of text; `wording` has the titles of questions and choices."""
    customer = timeline.customer
    if customer.customer_id or customer.name:
        name = customer.name or "no name"
        yield f"{name}  {customer.customer_id}  numbers: {customer.numbers}".rstrip()
    if not timeline.entries:
        yield "no entries"
    for entry in timeline.entries:
        at = datetime.fromtimestamp(entry.at).astimezone()
        yield f"{at:%Y-%m-%d %H:%M:%S}  {_text(entry, wording)}"
    if timeline.more:
        yield "older entries are not shown"


def _text(entry: "TimelineEntry", wording: "Localization") -> str:
    """Return one entry of a history as text, without its time; `wording` is that of `_lines`."""
    from cc_bridge.customers.timeline import TimelineFollowUp, TimelineRating, TimelineTalk, TimelineVisit
    from cc_bridge.reports.render.durations import duration

    match entry:
        case TimelineVisit():
            managed = f", {entry.managed}" if entry.managed else ""
            if entry.managed_seconds is not None:
                managed += f" after {duration(entry.managed_seconds, 'en')} by {entry.managed_by}"
            return f"queue {entry.queue}: {entry.outcome} after {duration(entry.wait_seconds, 'en')}{managed}"
        case TimelineTalk():
            return f"talk ({entry.direction}) with {entry.agent}: {duration(entry.talk_seconds, 'en')}"
        case TimelineRating(kind="comment"):
            return f"comment: {duration(entry.value, 'en')}, {entry.recording or 'removed'}"
        case TimelineFollowUp():
            by = f" by {entry.by}" if entry.by else ""
            outcome = f": {entry.outcome}" if entry.outcome else ""
            return f"follow-up ({entry.reason}, {entry.detail}): {entry.state}{by}{outcome}"
        case TimelineRating():
            question = wording.questions.get(entry.question) or entry.question
            answer = wording.choice(entry.question, entry.label) or entry.value
            return f"rating {question} ({entry.kind}): {answer}"


@customer.command("lost-calls")
@config_option
@click.option(
    "--from",
    "since",
    type=LOCAL_TIME,
    required=True,
    help="First day, or a local time such as 2026-11-01T08:00.",
)
@click.option(
    "--to", "until", type=LOCAL_TIME, help="End of the span, exclusive: a day or a local time. Default: now."
)
@click.option("--lost", is_flag=True, help="List the lost calls that were not called back.")
def print_lost_calls(path: Path | None, since: datetime, until: datetime | None, *, lost: bool) -> None:
    """Print the recall rate of lost calls and the rate of repeat calls.

    The recall rate is the share of lost calls after which an agent reached the caller, or the caller called
    again and was answered, within 24 hours. Only lost calls of more than 24 hours ago count. The rate of
    repeat calls is printed for two spans, 24 hours and 7 days. A call counts in it when this span has passed
    since the call ended. Outgoing calls to the caller are recognised only with direct_calls.enabled.

    \b
    Examples:  cc-bridge customer lost-calls --from 2026-11-01 --to 2026-12-01
               cc-bridge customer lost-calls --from 2026-11-22 --lost
    """
    from time import time

    from cc_bridge.config.customers import make_numbers
    from cc_bridge.customers.lost_calls import REPEAT_SECONDS, LostCallStatus, lost_calls, repeat_calls
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.contacts_by_caller import contacts, rows_between

    config = load_config(path)
    now = time()
    start, end = since.timestamp(), until.timestamp() if until else now
    read_until = min(now, end + max(REPEAT_SECONDS))
    shared = make_numbers(config).shared
    calls: list[LostCall] = []
    repeats: list[RepeatCalls] = []
    with database(config.storage.url) as engine, engine.connect() as connection:
        rows = rows_between(connection, start, read_until)
        with progress(max(1, rows), "read") as bar:
            for of_caller in contacts(connection, start, read_until, shared, bar.update):
                calls += (each for each in lost_calls(of_caller, now) if start <= each.entered_at < end)
                repeated = repeat_calls(of_caller, config.customers.group)
                repeats += (each for each in repeated if start <= each.entered_at < end)
    if lost:
        for call in sorted(calls, key=lambda each: each.lost_at):
            if call.managed in (LostCallStatus.OPEN, LostCallStatus.NOT_MANAGED):
                at = datetime.fromtimestamp(call.lost_at).astimezone()
                say(
                    f"{at:%Y-%m-%d %H:%M:%S}  {call.caller_key}  {call.queue}  {call.outcome}  {call.managed}"
                )
        return
    for line in _figures(calls, repeats, now):
        say(line)


def _figures(calls: "list[LostCall]", repeats: "list[RepeatCalls]", now: float) -> "Iterator[str]":
    """Yield the figures of lost and repeat calls as lines; `now` is in UTC seconds since the epoch."""
    from statistics import median

    from cc_bridge.customers.lost_calls import REPEAT_SECONDS, LostCallStatus
    from cc_bridge.reports.render.durations import duration

    decided = [call for call in calls if call.decided]
    by_status = Counter(call.managed for call in decided)
    managed_calls = by_status[LostCallStatus.RECALLED] + by_status[LostCallStatus.SELF_SERVED]
    yield f"{'lost calls':<28}{len(decided):>8}"
    for status in (LostCallStatus.RECALLED, LostCallStatus.SELF_SERVED, LostCallStatus.NOT_MANAGED):
        yield f"{f'  {status}':<28}{by_status[status]:>8}"
    yield f"{'recall':<28}{_percent(managed_calls, len(decided))}"
    yield f"{'less than 24 h ago':<28}{len(calls) - len(decided):>8}"
    recall_seconds = [
        call.seconds
        for call in decided
        if call.managed is LostCallStatus.RECALLED and call.seconds is not None
    ]
    if recall_seconds:
        yield f"{'median time to recall':<28}{duration(median(recall_seconds), 'en'):>8}"
    for agent, n in Counter(
        call.agent for call in decided if call.managed is LostCallStatus.RECALLED
    ).most_common():
        yield f"{f'  by {agent}':<28}{n:>8}"
    for seconds in REPEAT_SECONDS:
        outcomes = [each for call in repeats if (each := call.within(seconds, now)) is not None]
        name = f"repeat within {seconds / 3600:.0f} h"
        yield f"{name:<28}{_percent(sum(outcomes), len(outcomes))} of {len(outcomes)}"


def _percent(part: int, whole: int) -> str:
    """Return the share of `part` in `whole` in per cent, right-aligned; "no data" if `whole` is 0."""
    return f"{100 * part / whole:>7.1f}%" if whole else f"{'no data':>8}"
