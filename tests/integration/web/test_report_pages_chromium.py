"""The pages of the reports in a real browser: nothing is cut off, from a phone to a wall screen."""

import json
from urllib.request import Request, urlopen

import pytest
from twisted.internet.threads import deferToThread

from cc_bridge.reports.registry import REPORTS
from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.reactor_loop import result_of
from support.report_site import SPAN, TOKEN, ReportSite

__all__ = ["browser"]

pytestmark = pytest.mark.chromium

# Boxes that are wider than the page, except inside those that scroll; texts outside their chart; small texts.
WIDE = """
(() => {
  const wrong = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".wide, .chart, .unseen, .skip, option")) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (box.left < -1 || box.right > innerWidth + 1))
      wrong.push(["outside", element.outerHTML.slice(0, 90)]);
  }
  for (const text of document.querySelectorAll("svg text")) {
    const [chart, box] = [text.ownerSVGElement.getBoundingClientRect(), text.getBoundingClientRect()];
    if (box.left < chart.left - 1 || box.right > chart.right + 1) wrong.push(["chart", text.textContent]);
    if (box.height && box.height < 9) wrong.push(["small", text.textContent]);
  }
  for (const box of document.querySelectorAll("h1, h2, p, li, td, th, figcaption"))
    if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth)
      wrong.push(["cut", box.textContent.slice(0, 60)]);
  return wrong;
})()
"""
# The contrast of each text with its background; finds those below 4.5.
FAINT = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parts = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const linear = (part) => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
    const [r, g, b] = parts(colour).slice(0, 3).map((part) => linear(part / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const wrong = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest(".unseen, .skip, option, title, script")) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const [one, two] = [light(colour), light(ground(element))];
    const contrast = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    if (contrast < 4.5) wrong.push([element.textContent.slice(0, 40), contrast.toFixed(2)]);
  }
  return wrong;
})()
"""
LOADED = (
    "document.readyState === 'complete' && document.querySelector('h1') && document.fonts.status === 'loaded'"
)
QUEUE = "document.querySelector('select[name=queue]')"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    site = ReportSite(tmp_path_factory.mktemp("site"), reports={"calendar": "persian"})
    yield site
    site.close()


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("name", ["", *REPORTS])
def test_nothing_is_cut_off_at_any_width(browser, served, name, language):
    by = "day" if name and "day" in REPORTS[name].by else ""
    path = f"/reports/{name}?{SPAN}&by={by}&compare=1&heat=service_level" if name else "/reports"
    for width in (390, 1280, 1920):
        scheme = "dark" if width == 1280 else "light"
        page = browser.page(width=width, scheme=scheme, languages=language, headers=ADMIN)
        page.open(served.url + path)
        page.wait(LOADED)
        for font in page.each_font():
            assert page.value("document.documentElement.scrollWidth") <= width, (width, font)
            assert page.value(WIDE) == [], (width, font)
        assert page.value(FAINT) == [], width
        assert page.value("document.documentElement.lang") == language
        if language == "fa":
            assert page.value(NOT_ISOLATED) == []
        assert page.errors == []
        assert all(url.startswith(served.url) for url in page.requests)
        page.close()


def test_a_click_leads_to_the_span_before_and_to_other_rows(browser, served):
    page = browser.page(width=1280, headers=ADMIN)
    page.open(f"{served.url}/reports/service?span=week")
    page.wait(LOADED)
    first = page.text(".report-head strong")
    page.value("document.querySelector('a[rel=prev]').click()")
    page.wait(f"document.querySelector('.report-head strong')?.textContent !== {json.dumps(first)}")
    page.wait(LOADED)
    page.value("document.querySelector('select[name=queue]').value = 'sales'")
    page.value(
        "document.querySelector('select[name=queue]').dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.wait("location.search.includes('queue=sales')")
    page.wait(LOADED)
    search = page.value("location.search")
    assert "span=week" in search
    assert "from=2026-11-" in search
    assert page.value("document.querySelectorAll('table[data-table=service] tbody tr').length") == 1
    page.close()


def test_the_figures_in_the_browser_are_those_of_the_json(browser, served):
    address = f"{served.url}/reports/service?{SPAN}"

    def read():
        with urlopen(Request(f"{address}&format=json", headers=ADMIN)) as answer:
            return json.load(answer)

    found = result_of(deferToThread(read))
    page = browser.page(width=1280, headers=ADMIN)
    page.open(address)
    page.wait(LOADED)
    cells = page.value(
        "[...document.querySelectorAll('table[data-table=service] tbody tr')].map(row =>"
        " [...row.querySelectorAll('td')].map(cell => cell.firstChild.textContent.trim()))"
    )
    rows = found["tables"][0]["rows"]
    assert [row[0] for row in cells] == [f"{row['visits']['value']:,}" for row in rows]
    assert [row[5] for row in cells] == [f"{row['abandonment']['value']:.1f} %" for row in rows]
    page.close()
