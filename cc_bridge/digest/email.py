"""A digest as an email: an HTML body, a plain-text body with the same content, and the attached report.

Mail programs remove style sheets, scripts and remote pictures. So the styles are in the HTML tags that they
apply to, and the mail loads nothing. jinja2 escapes every value.

Note: in a mail's header, the text after a line break would be another header. So the subject and the sender's
name are written without line breaks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader

from cc_bridge.digest.content import Digest
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.render.bidi import END, ISOLATE, LEFT_TO_RIGHT
from cc_bridge.reports.render.html import as_html, pages
from cc_bridge.reports.render.localization import Localization
from cc_bridge.reports.render.report_words import in_words
from cc_bridge.safe_text.printable import one_line, printable

__all__ = ["MailHeaders", "as_mail", "body", "plain", "subject"]

_SEVEN_BIT = SMTP.clone(cte_type="7bit")  # every server accepts 7-bit mail
_BETWEEN = " – "  # noqa: RUF001 - typography for readers
_pages = pages.overlay(loader=FileSystemLoader(Path(__file__).parent))


@dataclass(frozen=True, slots=True)
class MailHeaders:
    """The headers of a mail; `message_id` is the same for each retry of one mail."""

    sender: str
    sender_name: str
    address: str
    message_id: str
    at: float  # seconds since the epoch


def as_mail(digest: Digest, wording: Localization, owner: str, envelope: MailHeaders) -> bytes:
    """Return a digest as a mail: bytes of 7-bit characters with the line ends of SMTP.

    An empty owner means that the digest covers all queues. `envelope` has the headers of the mail.
    """
    file = f"digest-{digest.brief.ask.first.isoformat()}.html"
    mail = EmailMessage(_SEVEN_BIT)
    mail["From"] = Address(one_line(envelope.sender_name), addr_spec=envelope.sender)
    mail["To"] = Address(addr_spec=envelope.address)
    mail["Subject"] = subject(digest, wording, owner)
    mail["Date"] = format_datetime(datetime.fromtimestamp(envelope.at, UTC))
    mail["Message-ID"] = envelope.message_id
    mail["Auto-Submitted"] = "auto-generated"  # prevents automatic replies
    mail.set_content(plain(digest, wording, owner, file))
    mail.add_alternative(body(digest, wording, owner, file), subtype="html")
    mail.add_attachment(as_html(digest.whole, wording, envelope.at), subtype="html", filename=file)
    return mail.as_bytes()


def subject(digest: Digest, wording: Localization, owner: str) -> str:
    """Return the subject of the mail: the digest's title, its days and the owner."""
    title = wording.text("titles", digest.brief.name)
    ask = digest.brief.ask
    days = _BETWEEN.join(_number(day, wording) for day in _span(wording, ask.first, ask.last))
    return f"{title}: {days} ({printable(owner) or wording.text('page', 'everyone')})"


def body(digest: Digest, wording: Localization, owner: str, file: str) -> str:
    """Return the HTML body of the mail; `file` is the name of the attached report."""
    return _pages.get_template("mail.html.j2").render(wording=wording, **_said(digest, wording, owner, file))


def plain(digest: Digest, wording: Localization, owner: str, file: str) -> str:
    """Return the plain-text body of the mail; `file` is the name of the attached report."""
    lines = _lines(_said(digest, wording, owner, file), wording)
    return "\n".join(map(wording.isolated, lines)) + "\n"


def _said(digest: Digest, wording: Localization, owner: str, file: str) -> dict[str, Any]:
    """Return the values for the templates of the HTML and the plain-text body, in the reader's language."""
    brief = digest.brief
    ask = brief.ask
    warnings = (
        wording.unobserved(brief.unobserved),
        wording.begins(brief.begins),
        wording.begins_before(digest.before_begins, digest.before_last),
    )
    return {
        "title": wording.text("titles", brief.name),
        "span": _span(wording, ask.first, ask.last),
        "before": _span(wording, digest.before_first, digest.before_last),
        "owner": printable(owner) or wording.text("page", "everyone"),
        "queues": [wording.key(Dimension.QUEUE, queue) for queue in ask.queues],
        "warnings": [each for each in warnings if each],
        "findings": [wording.sentence(each) for each in brief.findings or ()],
        "tables": [
            in_words(replace(table.with_data(), charts=()), wording) for table in brief.tables if table.rows
        ],
        "notes": [wording.text("page", "every").format(minimum=wording.figures_of(str(ask.minimum)))]
        + [wording.text("notes", note) for note in brief.notes],
        "file": file,
    }


def _span(wording: Localization, first: date, last: date) -> list[str]:
    """Return the first and the last date of a span as texts; only one text if both dates are the same."""
    return [wording.date(day) for day in sorted({first, last})]


def _number(text: str, wording: Localization) -> str:
    """Return a number or date such that its parts keep their order inside right-to-left text.

    For this, invisible Unicode characters are put around the text. In a left-to-right language, the text is
    returned unchanged.
    """
    return f"{LEFT_TO_RIGHT}{text}{END}" if wording.direction == "rtl" else text


def _lines(said: dict[str, Any], wording: Localization) -> Iterator[str]:
    def isolated(text: str) -> str:
        return f"{ISOLATE}{wording.isolated(text)}{END}" if wording.direction == "rtl" else text

    def number(text: str) -> str:
        return _number(text, wording)

    def days(span: list[str]) -> str:
        return _BETWEEN.join(map(number, span))

    def said_of(name: str) -> str:
        return wording.text("page", name)

    yield f"{said['title']}: {days(said['span'])}"
    yield f"{said_of('compared')}: {days(said['before'])}"
    yield f"{said_of('owner')}: {isolated(said['owner'])}"
    if said["queues"]:
        yield f"{said_of('queues')}: {said_of('comma').join(map(isolated, said['queues']))}"
    yield from said["warnings"]
    yield ""
    yield said_of("findings").upper()
    yield from (f"- {finding}" for finding in said["findings"] or [said_of("nothing")])
    for table in said["tables"]:
        yield ""
        yield table["title"].upper()
        for keys, cells in [
            *table["rows"],
            *([([said_of("total")], table["total"])] if table["total"] else []),
        ]:
            yield f"- {isolated(', '.join(keys))}"
            for (label, _meaning), (value, details, _weak) in zip(table["columns"], cells, strict=True):
                yield f"    {label}: {isolated(f'{value} ({details})' if details else value)}"
    yield ""
    yield from said["notes"]
    yield said_of("attached").format(file=number(said["file"]))
    yield said_of("automatic")
