"""The renderer of a report as one HTML file that needs no other file, for screen, paper and email.

jinja2 escapes every value, because names of queues and agents come from the PBX. The page loads nothing and
runs no script; its Content-Security-Policy forbids both.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from cc_bridge.reports.figures import Report
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.render.localization import Localization
from cc_bridge.reports.render.report_words import in_words, meanings, tiles

__all__ = ["as_html", "pages"]


@pass_context
def _with_isolated_numbers(context: Context, value: object) -> object:
    """Return a value for the page; in a text of a right-to-left language each number is isolated.

    Numbers that are no text, such as coordinates, and finished HTML are returned unchanged.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        wording: Localization = context["wording"]
        return wording.isolated(value)
    return value


pages = Environment(
    finalize=_with_isolated_numbers,
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(report: Report, wording: Localization, now: float) -> str:
    """Return the report as an HTML page; `now`, its creation time, is in UTC seconds since the epoch."""
    ask = report.ask
    facts = {
        wording.text("page", "zone"): str(ask.days.zone or ""),
        wording.text("page", "pbx"): ask.pbx,
        wording.text("page", "queues"): ", ".join(wording.key(Dimension.QUEUE, each) for each in ask.queues),
        wording.text("page", "change"): wording.date(ask.changed) if ask.changed else "",
    }
    return pages.get_template("page.html.j2").render(
        wording=wording,
        title=wording.text("titles", report.name),
        first=wording.date(ask.first),
        last=wording.date(ask.last),
        facts={name: fact for name, fact in facts.items() if fact},
        made=wording.instant(now),
        minimum=wording.figures_of(str(ask.minimum)),
        warnings=[
            each for each in (wording.unobserved(report.unobserved), wording.begins(report.begins)) if each
        ],
        tiles=list(tiles(report, wording)),
        findings=None if report.findings is None else [wording.sentence(each) for each in report.findings],
        tables=[in_words(table.with_data(), wording) for table in report.tables],
        notes=[wording.text("notes", note) for note in report.notes],
        meanings=meanings(report, wording),
    )
