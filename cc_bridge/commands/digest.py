"""The commands `digest render`, `digest send` and `digest list`: e-mailed figures for queue owners."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import DATE, config_option, load_config, say

if TYPE_CHECKING:
    from cc_bridge.config import Config
    from cc_bridge.digest.content import DigestName
    from cc_bridge.digest.schedule import Period

__all__ = ["digest"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_LISTED = 2000


@click.group()
def digest() -> None:
    """Create the digests of queue owners, daily, weekly or monthly, as e-mails or files.

    \b
    Example:  cc-bridge digest send --dry-run
    """


@digest.command()
@config_option
@click.option("--out", type=_FOLDER, required=True, help="Directory for the files; created if missing.")
@click.option("--from", "first", type=DATE, help="First day of the period.")
@click.option(
    "--to", "last", type=DATE, help="Last day of the period, inclusive. Default: the day of --from."
)
@click.option("--week", type=DATE, help="The week that contains this day.")
@click.option("--last", "newest", is_flag=True, help="The latest complete period of [digest] (the default).")
def render(
    path: Path | None, out: Path, first: date | None, last: date | None, week: date | None, *, newest: bool
) -> None:
    """Write the digests as HTML files: one of all queues, and one for each queue owner.

    Each file is self-contained. A period that --from and --to give is compared with the period of the same
    length before it.

    \b
    Examples:  cc-bridge digest render --out digests
               cc-bridge digest render --out digests --week 2026-11-18
               cc-bridge digest render --out digests --from 1405-08-01 --to 1405-08-30
    """
    from time import time

    from cc_bridge.digest.builder import build_digest, build_page
    from cc_bridge.storage.migrate import database

    if (first is not None) + (week is not None) + newest > 1 or (last is not None and first is None):
        raise click.UsageError("give --from with --to, or --week, or --last")
    config, now = load_config(path), time()
    period, name = _period(config, first, last, week, now)
    owners = {queue.owner for queue in (config.queue_defaults, *config.queues.values())} | {""}
    with _writing(out), database(config.storage.url) as engine:
        out.mkdir(parents=True, exist_ok=True)
        for owner in sorted(owners):
            found = build_digest(engine, config, owner, period, now, name)
            if found is None:
                continue
            file = out / f"digest-{period.first}-{period.last}-{owner or 'everyone'}.html"
            file.write_text(build_page(config, found, now), encoding="utf-8")
            say(str(file))


@digest.command()
@config_option
@click.option(
    "--to-file",
    "out",
    type=_FOLDER,
    help="Write the e-mails to this directory as .eml files instead of sending them.",
)
@click.option("--dry-run", is_flag=True, help="Print the digests and recipients, and send nothing.")
@click.option("--again", is_flag=True, help="Also send digests that were already sent.")
def send(path: Path | None, out: Path | None, *, dry_run: bool, again: bool) -> None:
    """Send the latest due digest to recipients who have not received it, even if digest.enabled is false.

    \b
    Examples:  cc-bridge digest send --dry-run
               cc-bridge digest send
               cc-bridge digest send --to-file mails
    """
    from os import getpid, urandom
    from time import time

    from cc_bridge.digest.delivery import mail_server_of, send_due

    config = load_config(path)
    mail_server_of(config)  # raises ConfigError for a missing option
    if out is not None:
        _to_files(config, out, time())
        return
    if dry_run:
        for line in _to_be_sent(config, time(), again=again):
            say(line)
        return
    posted = send_due(config, f"digest-send-{getpid()}-{urandom(8).hex()}", time, at_once=True, again=again)
    for key in posted.sent:
        say(f"sent to {key.recipient}")
    if posted.why_not:
        raise click.ClickException(posted.why_not)
    if not (posted.sent or posted.put_off or posted.given_up):
        say("nothing to send: see cc-bridge digest list, or give --again")
    faults = [
        *(
            f"{key.recipient}: {why}; the daemon retries if digest.enabled is true"
            for key, why in posted.put_off
        ),
        *(f"{key.recipient}: given up: {why}" for key, why in posted.given_up),
    ]
    if faults:
        raise click.ClickException("\n".join(faults))


@digest.command("list")
@config_option
def list_(path: Path | None) -> None:
    """List the digests: period, owner, number of recipients who received it, and time of sending.

    \b
    Example:  cc-bridge digest list
    """
    from itertools import groupby
    from operator import attrgetter

    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.digest_deliveries import DigestDeliveries

    config = load_config(path)
    with database(config.storage.url) as engine:
        known = DigestDeliveries(engine, "").newest(_LISTED)
    say(f"{'frequency':<10} {'first day':<11}{'last day':<11}{'for':<16}{'sent':>7}  {'at':<17}")
    for (frequency, first, owner), group in groupby(known, attrgetter("frequency", "first_day", "owner")):
        some = list(group)
        sent = [each.ended_at for each in some if each.state == "sent" and each.ended_at]
        at = f"{datetime.fromtimestamp(max(sent)).astimezone():%Y-%m-%d %H:%M}" if sent else "-"
        others = sorted({f"{each.state}: {each.reason}" for each in some if each.state != "sent"})
        count = f"{len(sent)} of {len(some)}"
        line = (
            f"{frequency:<10} {first:<11}{some[0].last_day:<11}{owner or 'everyone':<16}{count:>7}  {at:<17}"
        )
        say(f"{line}{'; '.join(others)}".rstrip(": "))


def _period(
    config: "Config", first: date | None, last: date | None, week: date | None, now: float
) -> "tuple[Period, DigestName]":
    """Return the period of the digest, and the kind of digest, such as weekly.

    The options --from, --to and --week give the period. Without them, it is the period of the latest due
    digest. Raises UsageError if --from is after --to.
    """
    from datetime import timedelta

    from cc_bridge.config.report_parameters import report_days
    from cc_bridge.digest.builder import digest_timer
    from cc_bridge.digest.content import DigestName
    from cc_bridge.digest.delivery import NAMES
    from cc_bridge.digest.schedule import Frequency, Period, period_of

    if week is not None:
        return period_of(Frequency.WEEK, week, report_days(config)), DigestName.WEEK
    if first is None:
        timer = digest_timer(config)
        return timer.due(now)[1], NAMES[timer.every]
    last = last or first
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}")
    span = last - first + timedelta(1)
    return Period(first, last, first - span, last - span), DigestName.SPAN


def _to_files(config: "Config", out: Path, now: float) -> None:
    """Write the e-mails of the latest due digest as .eml files to the directory `out`.

    E-mails that were already sent are written too.
    """
    from cc_bridge.digest.builder import build_digest, build_mail
    from cc_bridge.digest.delivery import NAMES, due_deliveries, message_id
    from cc_bridge.storage.migrate import database

    with _writing(out), database(config.storage.url) as engine:
        out.mkdir(parents=True, exist_ok=True)
        timer, period, keys = due_deliveries(config, now)
        for number, key in enumerate(keys, start=1):
            found = build_digest(engine, config, key.owner, period, now, NAMES[timer.every])
            if found is not None:
                file = out / f"digest-{key.first_day}-{number}-{key.owner or 'everyone'}.eml"
                mark = message_id(key, now, config.digest.sender)
                file.write_bytes(build_mail(config, found, key.owner, key.address, mark, now))
                say(str(file))


def _to_be_sent(config: "Config", now: float, *, again: bool) -> Iterator[str]:
    """Yield a line of text for each recipient of the latest due digest: whether it would be sent to them.

    If the digest would not be sent, the line gives the state of the delivery as the reason, such as `sent`.
    With `again`, the digest would be sent to every recipient.
    """
    from cc_bridge.digest.delivery import due_deliveries
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.digest_deliveries import DigestDeliveries

    _, period, keys = due_deliveries(config, now)
    with database(config.storage.url) as engine:
        known = {each.key: each for each in DigestDeliveries(engine, "").newest(_LISTED)}
    for key in keys:
        state = known[key].state if key in known else "waiting"
        if again or state in ("waiting", "claimed"):
            yield f"would send {period.first} to {period.last} to {key.recipient}"
        else:
            yield f"would not send to {key.recipient}: {state}"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Context manager for writing files: a write error becomes a ClickException, printed in one line.

    The text names the file that cannot be written. If the error does not name it, the text names `folder`.
    """
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from error
