"""The pages about calls, customers, agents and the system in a real browser.

This process serves the browser's requests from a small database; see chromium.py.
"""

import math
import struct
from itertools import pairwise

import pytest
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred

from cc_bridge.storage.migrate import open_database
from integration.web.test_wallboard_chromium import FAINT
from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.people_site import PeopleSite
from support.reactor_loop import result_of, until

__all__ = ["browser"]

pytestmark = pytest.mark.chromium

PATHS = ("/lost", "/customers?q=C-1", "/customers/09121110001", "/calls/main/2.1", "/agents?from=2026-11-20",
         "/agents/Reza%20R", "/system")  # fmt: skip
SIZES = ((390, 1500), (1280, 1000), (1920, 1000))
# Boxes that leave the screen to a side, apart from those in a box that scrolls.
WIDE = """
[...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  const scrolls = element.closest(".wide") && !element.matches(".wide");
  const hidden = element.closest(".skip, .stacked thead");
  return box.width && !scrolls && !hidden && (box.left < -1 || box.right > innerWidth + 1);
}).map((element) => [element.className || element.tagName, element.textContent.slice(0, 40)])
"""
# Texts under 12 px.
SMALL = """
[...document.querySelectorAll("body *")].filter(
  (each) => each.checkVisibility() && each.innerText && parseFloat(getComputedStyle(each).fontSize) < 12
).map((each) => each.tagName)
"""
HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))"


def wav(seconds, rate=8000):
    """Return a tone as a WAV file of 16 bits."""
    tone = b"".join(struct.pack("<h", int(9000 * math.sin(n / 10))) for n in range(seconds * rate))
    head = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    size = struct.pack("<I", 36 + len(tone))
    return b"RIFF" + size + b"WAVEfmt " + head + b"data" + struct.pack("<I", len(tone)) + tone


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    until(lambda: True)  # starts the reactor
    folder = tmp_path_factory.mktemp("comments")
    (folder / "2.1-a-comment.wav").write_bytes(wav(14))
    engine = open_database(f"sqlite:///{folder / 'calls.sqlite'}")
    site = PeopleSite(engine, folder)
    port = reactor.listenTCP(0, site.site, interface="127.0.0.1")
    site.url = f"http://127.0.0.1:{port.getHost().port}"
    yield site
    result_of(maybeDeferred(port.stopListening))
    engine.dispose()


def opened(browser, people, path, **options):
    page = browser.page(**options)
    page.open(people.url + path)
    page.wait("document.readyState === 'complete' && document.querySelector('h1')")
    return page


@pytest.mark.parametrize("size", SIZES, ids=lambda each: str(each[0]))
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fa", "dark")])
@pytest.mark.parametrize("path", PATHS)
def test_the_look_of_a_page(browser, people, tmp_path, path, language, scheme, size):
    width, height = size
    page = opened(browser, people, path, width=width, height=height, scheme=scheme, languages=language)
    page.ready()
    page.picture(tmp_path / "page.png")
    assert page.value("document.documentElement.dataset.theme") == scheme
    assert page.value("document.dir") == {"en": "ltr", "fa": "rtl"}[language]
    for font in page.each_font():
        assert page.value("document.documentElement.scrollWidth <= innerWidth"), font
        assert page.value(WIDE) == [], font
    assert page.value(SMALL) == []
    assert page.value(NOT_ISOLATED) == []
    assert page.value(f"{FAINT}.length") == 0
    levels = page.value(HEADINGS)
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith((people.url, "data:"))] == []
    page.close()


@pytest.mark.parametrize("path", ["/calls/main/2.1", "/agents/Reza%20R", "/customers/09121110001"])
def test_a_comment_is_played(browser, people, path):
    page = opened(browser, people, path)
    player = "document.querySelector('audio')"
    assert not any("/comments/" in url for url in page.requests)  # only when it is played
    page.ask("Runtime.evaluate", expression=f"{player}.play()", userGesture=True)  # as if a person pressed it
    page.wait(f"{player}.currentTime > 0.1")
    assert page.value(f"{player}.duration") == 14
    page.value(f"{player}.currentTime = 10; 0")
    page.wait(f"{player}.currentTime > 10.1")
    assert page.errors == []
    page.close()


def test_of_two_people_the_second_sees_who_took_the_call(browser, people):
    first, second = (opened(browser, people, "/lost?show=todo") for _ in range(2))
    button = "document.querySelector('form[method=post] button')"
    taken = first.value(f"{button}.closest('tr').querySelector('a').innerText")
    first.value(f"{button}.click()")
    first.wait("document.body.innerText.includes('Taken: admin')")
    assert taken in first.text("table")
    second.value(f"{button}.click()")
    second.wait("document.querySelector('[role=alert]')")
    assert "Another user was faster. Taken: admin" in second.text("[role=alert]")
    for page in (first, second):
        page.close()


def test_a_changed_filter_shows_its_result_at_once(browser, people):
    page = opened(browser, people, "/lost")
    choice = "document.querySelector('[name=show]')"
    page.value(f"{choice}.value = 'unknown'; {choice}.dispatchEvent(new Event('change', {{bubbles: true}}))")
    page.wait("location.search.includes('show=unknown')")
    page.wait("document.body.innerText.includes('Lost calls: 2')")
    page.close()


def test_the_sign_of_a_number_is_on_its_left_in_a_persian_page(browser, people):
    page = opened(browser, people, "/lost", languages="fa")
    places = """(() => {
      const text = document.querySelector("a.phone").firstChild;
      const range = document.createRange();
      const left = (sign) => {
        const at = text.data.indexOf(sign);
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
      };
      return [left("+"), left("9")];
    })()"""
    plus, digit = page.value(places)
    assert plus < digit
    page.close()
