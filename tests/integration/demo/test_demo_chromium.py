"""The demo in a real browser: each page has content soon after the start, and axe-core finds no fault."""

import os
import re
import subprocess
import sys
from itertools import takewhile

import pytest

from cc_bridge.reports.registry import REPORTS
from support.accessibility import violations
from support.chromium import browser

__all__ = ["browser"]

pytestmark = pytest.mark.chromium

WIDTHS = (390, 1280)
# A text that the page shows only if it has something to show, by the address of the page.
CONTENT = {
    "/reports/service": "Technical support",
    "/reports/service?by=hour": "10:00",
    "/calls": "Technical support",
    "/lost": "0935",
    "/follow-ups": "0935",
    "/agents": "Agent 304",
    "/customers?q=09350000010": "C-1010",
    "/system": "demo",
    "/wallboard": "Billing",
}
NAVIGATION = "[...document.querySelectorAll('header nav a')].map((link) => link.getAttribute('href'))"
CALL = "tbody a[href^='/calls/']"
# Pages for axe-core, and an element that each has when it is complete.
COMPLETE = {
    "/": "main a",
    "/nothing": "h1",
    "/wallboard": "#queues tr:nth-child(3)",
    "/reports": "main a",
    "/reports/service?by=weekday&compare=1&heat=offered": "table.heat",
    **{f"/reports/{name}": "table.figures" for name in REPORTS},
    "/calls": CALL,
    "/lost?show=todo&queue=vip": "tbody button",
    "/follow-ups": "#list li",
    "/customers?q=C-101": "ul.cards",
    "/customers/09350000010": "caption",
    "/agents": "tbody",
    "/agents/Agent%20304": "h2",
    "/system": "h2",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo, and return what it prints at its start: name -> value."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "cc_bridge", "demo"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        lines = takewhile(lambda line: "The demo uses only" not in line, iter(process.stdout.readline, ""))
        found = (re.fullmatch(r"  (\w+(?: \d+)?) +([^ ,;\n]+).*\n", line) for line in lines)
        yield {each[1]: each[2] for each in found if each}
        process.terminate()
        process.communicate(timeout=60)


def logged_in(browser, demo, **options):
    """Return a page of a browser that has logged in as the administrator of the demo."""
    opened = browser.page(height=900, **options)
    opened.open(f"{demo['pages']}login")
    opened.wait("document.querySelector('input[type=password]')")
    opened.value(
        "document.querySelector('input[name=name]').value = 'admin';"
        f"document.querySelector('input[type=password]').value = {demo['password']!r};"
        "document.querySelector('main form').submit()"
    )
    opened.wait("location.pathname === '/' && document.querySelector('main a')")
    return opened


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_of_the_navigation_has_content(browser, demo, width, tmp_path):
    page = logged_in(browser, demo, width=width)
    home = demo["pages"].removesuffix("/")
    assert "made up" in page.text(".banner")
    linked = page.value(NAVIGATION)
    known = {path.partition("?")[0].rsplit("/service")[0] for path in CONTENT}
    assert {path for path in linked if path != "/"} <= known
    for path, text in CONTENT.items():
        page.open(f"{home}{path}")
        page.wait(f"document.body.innerText.includes({text!r})")
        page.picture(tmp_path / f"{path.strip('/').replace('/', '-').partition('?')[0]}.png")
    assert page.errors == []
    page.close()


def faults(page, url, element):
    """Return what axe-core finds in a page in both colour schemes, as soon as the page has an element."""
    page.open(url)
    page.wait(f"document.readyState === 'complete' && document.querySelector({element!r})", 30)
    page.ready()
    for scheme in ("light", "dark"):
        page.scheme(scheme, "reduce")  # no colour is between two colours
        page.wait(f"document.documentElement.dataset.theme === {scheme!r}")
        yield from ((url, scheme, *each) for each in violations(page, colours=scheme == "dark"))


@pytest.mark.parametrize("language", ["en", "fa"])
def test_axe_core_finds_no_fault_in_light_and_dark(browser, demo, language):
    home = demo["pages"].removesuffix("/")
    stranger = browser.page(width=1280, languages=language)
    found = [*faults(stranger, f"{home}/login", "main form")]
    page = logged_in(browser, demo, width=1280)
    page.open(f"{home}/calls?lang={language}")
    page.wait(f"document.documentElement.lang === {language!r} && document.querySelector({CALL!r})")
    call = page.value(f"document.querySelector({CALL!r}).getAttribute('href')")
    assert {*page.value(NAVIGATION)} <= {path.partition("?")[0] for path in COMPLETE}
    for path, element in {**COMPLETE, call: "table"}.items():
        found += faults(page, home + path, element)
    found += faults(page, demo["Agent 304"], "#scores > *")
    assert found == []
    stranger.close()
    page.close()


def test_axe_core_finds_planted_faults(browser, demo):
    page = browser.page(width=1280)
    assert list(faults(page, f"{demo['pages']}login", "main form")) == []
    page.value("document.querySelector('main').innerHTML += '<img src=\"/app/icon.svg\">'")
    page.value("document.querySelector('h1').style.color = '#222'")  # the page is dark
    assert {rule for rule, _ in violations(page)} == {"image-alt", "color-contrast"}
    assert [rule for rule, _ in violations(page, colours=True)] == ["color-contrast"]
    page.close()
