"""Reports in a real browser: no error, no request, nothing wider than the page, in both languages."""

import pytest

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import BANDS, Dimension, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.html import as_html
from cc_bridge.reports.render.localization import Localization
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.reports import SqlSource, reading
from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.year_of_calls import CHANGED, FIRST, LAST, ZONE, fill, records

__all__ = ["browser"]

pytestmark = pytest.mark.chromium


# Finds texts that do not fit: outside their chart, or outside their box (wide tables scroll).
OVERFLOWING = """
(() => {
  const wrong = [];
  for (const text of document.querySelectorAll("svg text")) {
    const [chart, box] = [text.ownerSVGElement.getBoundingClientRect(), text.getBoundingClientRect()];
    if (box.left < chart.left - 1 || box.right > chart.right + 1) wrong.push(["chart", text.textContent]);
  }
  for (const box of document.querySelectorAll("h1, h2, p, li, td, th, figcaption, .tile"))
    if (box.scrollWidth > box.clientWidth + 1) wrong.push(["wide", box.textContent]);
  return wrong;
})()
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('pages') / 'calls.sqlite'}")
    fill(engine, records())
    yield engine
    engine.dispose()


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_page_is_whole_by_itself(browser, engine, tmp_path, name, language):
    days = Days(ZONE, 5, "persian" if language == "fa" else "gregorian")
    by = Dimension.DAY if Dimension.DAY in REPORTS[name].by else REPORTS[name].by[0]
    ask = ReportQuery(FIRST, LAST, by, days, changed=CHANGED)
    with reading(engine) as connection:
        report = REPORTS[name].make(ask, SqlSource(connection, ask))
    wording = Localization(language, "persian" if language == "fa" else "latin", days, BANDS)
    file = tmp_path / "report.html"
    file.write_text(as_html(report, wording, ask.until), encoding="utf-8")
    page = browser.page(width=1280, scheme="dark" if language == "fa" else "light")
    page.open(file.as_uri())
    page.wait("document.readyState === 'complete' && document.querySelector('h1')")
    assert page.text("h1") == wording.text("titles", name)
    for font in page.each_font():
        assert page.value("document.documentElement.scrollWidth") <= 1280, font
        assert page.value(OVERFLOWING) == [], font
    assert page.value(NOT_ISOLATED) == []
    assert page.value("getComputedStyle(document.body).direction") == wording.direction
    assert page.value("document.querySelectorAll('td').length") > 10
    assert page.errors == []
    assert page.requests == [file.as_uri()]
    page.close()
