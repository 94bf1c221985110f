"""The demo in a real browser: each page of the navigation has content soon after the start."""

import os
import re
import subprocess
import sys
from itertools import takewhile

import pytest

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


@pytest.fixture(params=WIDTHS)
def page(request, browser, demo):
    """Yield a page of a browser that has logged in as the administrator of the demo."""
    opened = browser.page(width=request.param, height=900)
    opened.open(f"{demo['pages']}login")
    opened.wait("document.querySelector('input[type=password]')")
    opened.value(
        "document.querySelector('input[name=name]').value = 'admin';"
        f"document.querySelector('input[type=password]').value = {demo['password']!r};"
        "document.querySelector('main form').submit()"
    )
    opened.wait("location.pathname === '/' && document.querySelector('main a')")
    yield opened
    opened.close()


def test_every_page_of_the_navigation_has_content(page, demo, tmp_path):
    home = demo["pages"].removesuffix("/")
    assert "made up" in page.text(".banner")
    linked = page.value("[...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href'))")
    known = {path.partition("?")[0].rsplit("/service")[0] for path in CONTENT}
    assert {path for path in linked if path != "/"} <= known
    for path, text in CONTENT.items():
        page.open(f"{home}{path}")
        page.wait(f"document.body.innerText.includes({text!r})")
        page.picture(tmp_path / f"{path.strip('/').replace('/', '-').partition('?')[0]}.png")
    assert page.errors == []
