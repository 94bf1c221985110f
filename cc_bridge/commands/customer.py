"""Who is behind a number, and what happened with them: `customer import`, `show` and `lost-calls`."""

import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import FILE, config_option, load_config, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from cc_bridge.config import Config
    from cc_bridge.customers.csv_import import CsvFault, CsvLine
    from cc_bridge.customers.lost_calls import LostCall, RepeatCalls
    from cc_bridge.customers.number_keys import NumberKeys
    from cc_bridge.customers.timeline import Timeline, TimelineEntry
    from cc_bridge.records import CustomerNumber

__all__ = ["customer"]

_FAULTS_SHOWN = 20
_BATCH = 1000  # numbers of one transaction
_DAY = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def customer() -> None:
    """Take in customers from a CRM, show the history of one, and who was called back.

    \b
    Example:  cc-bridge customer show +989121234567
    """


@customer.command("import")
@config_option
@click.argument("file", type=FILE)
def import_customers(file: Path, path: Path | None) -> None:
    """Take in a table of customers: CSV in UTF-8, its first line number,customer_id,name.

    Again changes nothing; a number that is there already gets the new id and name. Numbers with one
    customer_id are one customer. Faulty lines are told and left out, and the exit code is then 1.

    \b
    Example:  cc-bridge customer import customers.csv
    """
    from cc_bridge.config.customers import make_numbers
    from cc_bridge.customers.csv_import import read
    from cc_bridge.storage.migrate import database

    config = load_config(path)
    numbers = make_numbers(config)
    with database(config.storage.url) as engine, reading(), file.open("rb") as stream:
        intake = _Intake(engine, config)
        with click.progressbar(length=file.stat().st_size, label="import", file=sys.stderr) as bar:

            def lines() -> "Iterator[bytes]":
                for line in stream:
                    bar.update(len(line))
                    yield line

            for line in read(lines()):
                intake.take(line, numbers)
            intake.store()
    counts = intake.counts
    for fault in intake.faults:
        click.echo(f"{file}:{fault.line}: {fault.reason}", err=True)
    if counts["faulty"] > len(intake.faults):
        click.echo(f"... and {counts['faulty'] - len(intake.faults)} more", err=True)
    click.echo(f"{counts['new']} new, {counts['changed']} changed, {counts['same']} as before, "
               f"{counts['faulty']} faulty lines left out")  # fmt: skip
    if config.callers.number_storage != "plain":
        click.echo("names were not stored, since callers.number_storage is not plain", err=True)
    if counts["faulty"]:
        sys.exit(1)


class _Intake:
    """Lines of a table on their way into the database."""

    def __init__(self, engine: "Engine", config: "Config") -> None:
        from time import time

        self.counts: Counter[str] = Counter()  # new, changed, same, faulty
        self.faults: list[CsvFault] = []  # the first of them
        self._engine = engine
        self._plain = config.callers.number_storage == "plain"
        self._now = time()
        self._waiting: list[CustomerNumber] = []

    def take(self, line: "CsvLine | CsvFault", numbers: "NumberKeys") -> None:
        from cc_bridge.customers.csv_import import CsvFault
        from cc_bridge.records import CustomerNumber

        if isinstance(line, CsvFault):
            self._left_out(line)
        elif not (key := numbers.key(line.number)):
            self._left_out(CsvFault(line.line, "not a phone number"))
        elif numbers.is_shared(line.number):
            self._left_out(CsvFault(line.line, "a number of customers.shared_numbers is nobody's"))
        else:
            name = line.name if self._plain else ""
            self._waiting.append(CustomerNumber(key, line.customer_id, name, self._now))
            if len(self._waiting) >= _BATCH:
                self.store()

    def store(self) -> None:
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
@click.option("--json", "as_object", is_flag=True, help="One JSON object, as /api/customers has it.")
def show(number: str, path: Path | None, *, as_object: bool) -> None:
    """Print what happened with the customer who has this NUMBER, newest first (local time).

    \b
    Examples:  cc-bridge customer show +989121234567
               cc-bridge customer show 09121234567 --json | jq .customer_id
    """
    import json
    from time import time

    from cc_bridge.config.customers import make_numbers
    from cc_bridge.customers.timeline import as_json
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.customer_timeline import timeline

    config = load_config(path)
    numbers = make_numbers(config)
    keys = numbers.keys(number)
    if not keys:
        raise click.ClickException(f"not a phone number: {number!r}")
    if numbers.is_shared(number):
        raise click.ClickException(f"many people call from {number}, as customers.shared_numbers says")
    with database(config.storage.url) as engine, engine.connect() as connection:
        found = timeline(connection, keys, time(), numbers.shared)
    if as_object:
        click.echo(json.dumps(as_json(found), ensure_ascii=False, indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(timeline: "Timeline") -> "Iterator[str]":
    who = timeline.customer
    if who.customer_id or who.name:
        yield f"{who.name or 'without a name'}  {who.customer_id}  numbers: {who.numbers}".rstrip()
    if not timeline.entries:
        yield "nothing happened yet"
    for entry in timeline.entries:
        at = datetime.fromtimestamp(entry.at).astimezone()
        yield f"{at:%Y-%m-%d %H:%M:%S}  {_words(entry)}"
    if timeline.more:
        yield "there is more, longer ago"


def _words(entry: "TimelineEntry") -> str:
    from cc_bridge.customers.timeline import TimelineFollowUp, TimelineRating, TimelineTalk, TimelineVisit

    match entry:
        case TimelineVisit():
            made_good = f", {entry.managed}" if entry.managed else ""
            if entry.managed_seconds is not None:
                made_good += f" after {timedelta(seconds=round(entry.managed_seconds))} by {entry.managed_by}"
            return f"queue {entry.queue}: {entry.outcome} after {entry.wait_seconds:.0f} s{made_good}"
        case TimelineTalk():
            return f"talk ({entry.direction}) with {entry.agent}: {entry.talk_seconds:.0f} s"
        case TimelineRating(kind="comment"):
            return f"comment: {entry.value} s, {entry.recording or 'removed'}"
        case TimelineFollowUp():
            by = f" by {entry.by}" if entry.by else ""
            came = f": {entry.outcome}" if entry.outcome else ""
            return f"follow-up ({entry.reason}, {entry.detail}): {entry.state}{by}{came}"
        case TimelineRating():
            return f"rating {entry.question} ({entry.kind}): {entry.label or entry.value}"


@customer.command("lost-calls")
@config_option
@click.option("--from", "since", type=_DAY, required=True, help="First day, or an instant, local time.")
@click.option("--to", "until", type=_DAY, help="The day or instant before which to end; default: now.")
@click.option("--lost", is_flag=True, help="List the lost calls that wait to be called back.")
def print_lost_calls(path: Path | None, since: datetime, until: datetime | None, *, lost: bool) -> None:
    """Print how many lost calls were called back, and how many callers came again.

    Lost calls count when their 24 hours are over, callers when their 24 hours or 7 days are. Calls back are
    seen only with direct_calls.enabled.

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
    begins, ends = since.timestamp(), until.timestamp() if until else now
    after = min(now, ends + max(REPEAT_SECONDS))
    shared = make_numbers(config).shared
    calls: list[LostCall] = []
    stays: list[RepeatCalls] = []
    with database(config.storage.url) as engine, engine.connect() as connection:
        rows = rows_between(connection, begins, after)
        with click.progressbar(length=max(1, rows), label="read", file=sys.stderr) as bar:
            for theirs in contacts(connection, begins, after, shared, bar.update):
                calls += (each for each in lost_calls(theirs, now) if begins <= each.entered_at < ends)
                came = repeat_calls(theirs, config.customers.group)
                stays += (each for each in came if begins <= each.entered_at < ends)
    if lost:
        for call in sorted(calls, key=lambda each: each.lost_at):
            if call.managed in (LostCallStatus.OPEN, LostCallStatus.NOT_MANAGED):
                at = datetime.fromtimestamp(call.lost_at).astimezone()
                click.echo(
                    f"{at:%Y-%m-%d %H:%M:%S}  {call.caller_key}  {call.queue}  {call.outcome}  {call.managed}"
                )
        return
    for line in _figures(calls, stays, now):
        click.echo(line)


def _figures(calls: "list[LostCall]", stays: "list[RepeatCalls]", now: float) -> "Iterator[str]":
    from statistics import median

    from cc_bridge.customers.lost_calls import REPEAT_SECONDS, LostCallStatus

    decided = [call for call in calls if call.decided]
    became = Counter(call.managed for call in decided)
    good = became[LostCallStatus.RECALLED] + became[LostCallStatus.SELF_SERVED]
    yield f"{'lost calls':<28}{len(decided):>8}"
    for managed in (LostCallStatus.RECALLED, LostCallStatus.SELF_SERVED, LostCallStatus.NOT_MANAGED):
        yield f"{f'  {managed}':<28}{became[managed]:>8}"
    yield f"{'recall':<28}{_percent(good, len(decided))}"
    yield f"{'not 24 h ago':<28}{len(calls) - len(decided):>8}"
    took = [
        call.seconds
        for call in decided
        if call.managed is LostCallStatus.RECALLED and call.seconds is not None
    ]
    if took:
        yield f"{'median time to recall':<28}{timedelta(seconds=round(median(took)))!s:>8}"
    for agent, n in Counter(
        call.agent for call in decided if call.managed is LostCallStatus.RECALLED
    ).most_common():
        yield f"{f'  by {agent}':<28}{n:>8}"
    for seconds in REPEAT_SECONDS:
        again = [each for stay in stays if (each := stay.within(seconds, now)) is not None]
        name = f"repeat within {seconds / 3600:.0f} h"
        yield f"{name:<28}{_percent(sum(again), len(again))} of {len(again)}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:>7.1f}%" if whole else f"{'no data':>8}"
