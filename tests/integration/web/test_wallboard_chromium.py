"""The wallboard in a real browser: a whole daemon with a recorded PBX, and boards of every size.

This process serves the browser's requests, so one reactor runs the daemon, the PBX and the browser's pipe;
see chromium.py.
"""

import pytest
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.offline.replay import read_stream
from cc_bridge.web.wallboard_stream import EventStream
from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.reactor_loop import result_of, until
from support.wallboards import PEOPLE, SHOWN, a_board, wall

__all__ = ["browser", "wall"]

pytestmark = pytest.mark.chromium

TOKEN = "a-token-of-the-house"
ALARM = "!document.getElementById('alarm').hidden"


# -- a whole daemon


class PbxAndDaemon:
    """A recorded PBX and a daemon, which can be stopped and started again."""

    def __init__(self, folder, **settings):
        self.pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), ("demo", "secret"), reactor)
        until(lambda: True)  # starts the reactor
        self._ami = reactor.listenTCP(0, self.pbx, interface="127.0.0.1")
        self._ami_port = self._ami.getHost().port
        self._folder, self._settings, self._port = folder, settings, 0
        self.bridge = None

    def start(self):
        config = Config(
            ami={"port": self._ami_port, "username": "demo", "secret": "secret"},
            agi={"port": 0},
            http={"port": self._port, **self._settings},
            run={"shutdown_timeout_seconds": 0},
            storage={"url": f"sqlite:///{self._folder / 'calls.sqlite'}"},
        )
        self.bridge = Bridge(config, reactor)
        self.bridge.startService()
        self._port = int(self.bridge.http_address.rpartition(":")[2])

    def stop(self):
        bridge, self.bridge = self.bridge, None
        result_of(bridge.stopService(), 30)

    def lose_the_pbx(self):
        result_of(maybeDeferred(self._ami.stopListening))
        for session in list(self.pbx.sessions):
            session.transport.abortConnection()

    def find_the_pbx(self):
        self._ami = reactor.listenTCP(self._ami_port, self.pbx, interface="127.0.0.1")

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/wallboard"

    def close(self):
        self.pbx.stop()
        if self.bridge:
            self.stop()
        result_of(maybeDeferred(self._ami.stopListening))
        for session in list(self.pbx.sessions):
            session.transport.abortConnection()


@pytest.fixture
def start_both(tmp_path):
    pairs = []

    def start_both(**settings):
        pairs.append(PbxAndDaemon(tmp_path, **settings))
        pairs[-1].start()
        return pairs[-1]

    yield start_both
    for each in pairs:
        each.close()


def number(page, column):
    """Return the large number on a tile."""
    return page.value(f"document.querySelector('.tile[data-column={column}] b').textContent")


def answered(page):
    return page.value("board === null ? 0 : board.total.answered")


def quiet(page, here):
    """Assert that the console has no error and that all requests went to the daemon."""
    assert page.errors == []
    origin = here.url.removesuffix("wallboard")
    assert page.requests
    assert [url for url in page.requests if not url.startswith(origin)] == []


def test_it_opens_and_shows_a_call_when_it_comes(browser, start_both):
    here = start_both()
    page = browser.page()
    page.open(here.url)
    page.wait("board !== null && board.observed")
    page.wait("document.getElementById('state').textContent === 'live'")
    assert not page.value(ALARM)
    assert number(page, "answered") == "0"
    here.pbx.start()
    page.wait("board.total.waiting > 0")
    waited = "document.querySelector('.tile[data-column=longest_wait] b').textContent"
    page.wait(f"{waited} !== NONE")
    page.wait("board.total.answered > 0")
    page.wait("document.querySelector('.tile[data-column=answered] b').textContent !== '0'")
    assert page.value("board.agents") is None
    assert page.value("document.querySelectorAll('.person').length") == 0
    quiet(page, here)


def test_the_longest_wait_counts_on_between_two_events(browser, start_both):
    here = start_both()
    here.pbx.start()
    page = browser.page()
    page.open(here.url)
    page.wait("board !== null && board.total.longest_wait_since !== null")
    # The page alone: it gets no more events, and its own clock continues.
    page.value("source.close(); board.total.longest_wait_since = now() - 5; draw()")
    before = number(page, "longest_wait")
    page.wait(f"document.querySelector('.tile[data-column=longest_wait] b').textContent !== '{before}'")
    assert before in ("5 s", "6 s")


def test_it_survives_a_restart_of_the_daemon_and_so_does_today(browser, start_both):
    here = start_both()
    here.pbx.start()
    page = browser.page()
    page.open(here.url)
    page.wait("board !== null && board.total.answered > 1")
    here.stop()
    page.wait(f"{ALARM} && page.classList.contains('stale')")
    assert "No connection" in page.text("#alarm")
    before = answered(page)
    here.start()
    page.wait(f"document.getElementById('alarm').hidden && board.total.answered >= {before}")
    page.wait("board.today_complete")
    assert answered(page) >= before
    assert [
        error for error in page.errors if "ERR_CONNECTION" not in error and "ERR_INCOMPLETE" not in error
    ] == []


def test_it_says_that_the_pbx_is_not_seen(browser, start_both):
    here = start_both()
    here.pbx.start()
    page = browser.page(languages="fa")
    page.open(here.url)
    page.wait("board !== null && board.total.waiting > 0")
    here.lose_the_pbx()
    page.wait(f"!board.observed && {ALARM}")
    assert "ارتباط با مرکز تلفن" in page.text("#alarm")
    none = page.value("NONE")
    assert number(page, "waiting") == number(page, "free") == none
    assert page.value("board.total.answered !== null")
    here.find_the_pbx()
    page.wait("document.getElementById('alarm').hidden && board.total.waiting !== null")
    quiet(page, here)


def test_silence_is_told_even_if_the_connection_looks_alive(browser, start_both, monkeypatch):
    here = start_both()
    page = browser.page()
    page.open(here.url)
    page.wait("board !== null && board.observed")
    monkeypatch.setattr(here.bridge.wallboard.stream, "tick", lambda *_: None)
    monkeypatch.setattr(here.bridge.wallboard.stream, "listen", lambda _request, **_: None)
    page.wait(f"{ALARM} && page.classList.contains('stale')")
    assert "The figures are old" in page.text("#alarm")
    monkeypatch.undo()
    page.wait("document.getElementById('alarm').hidden")
    quiet(page, here)


def test_the_token_leaves_the_address_and_the_cookie_opens_everything(browser, start_both):
    here = start_both(token=TOKEN)
    page = browser.page()
    page.open(f"{here.url}?lang=fa&token={TOKEN}")
    page.wait("board !== null")
    assert page.value("location.search") == "?lang=fa"
    assert page.value("document.cookie") == ""
    page.open(here.url)
    page.wait("typeof board !== 'undefined' && board !== null && location.search === ''")
    quiet(page, here)
    other = browser.page()
    other.open(here.url)
    other.wait("document.body !== null && document.body.innerText.includes('http.token')")


def test_a_screen_too_many_is_told(browser, start_both, monkeypatch):
    here = start_both()
    monkeypatch.setattr(EventStream, "full", True)
    page = browser.page()
    page.open(here.url)
    page.wait(ALARM)
    assert "Too many wallboards" in page.text("#alarm")
    monkeypatch.undo()
    page.wait("board !== null && document.getElementById('alarm').hidden")


# -- boards of every size

# Finds unreadable text: its contrast to the background is less than WCAG's 4.5 (section 1.4.3).
FAINT = """
(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.getClientRects().length)
    .map((element) => {
      const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
      const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      return [element.className || element.tagName, element.textContent.slice(0, 20), contrast];
    })
    .filter(([, , contrast]) => contrast < 4.5);
})()
"""

# Finds boxes that leave the screen, and texts or cells that overlap their neighbours.
OVERFLOWING = """
(() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight)
    wrong.push("page");
  const visible = (element) => element.getClientRects().length;
  const boxes = document.querySelectorAll(".tile, .figure, .chip, .person, thead th");
  for (const element of [...boxes].filter(visible)) {
    const box = element.getBoundingClientRect();
    if (box.left < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
      wrong.push(["outside", element.textContent]);
    if (element.scrollWidth > element.clientWidth + 1) wrong.push(["wide", element.textContent]);
  }
  for (const box of [...document.querySelectorAll("td .figure")].filter(visible)) {
    const [inner, cell] = [box.getBoundingClientRect(), box.parentElement.getBoundingClientRect()];
    if (inner.left < cell.left - 1 || inner.right > cell.right + 1 || inner.height > cell.height + 1)
      wrong.push(["cell", box.dataset.column, box.textContent]);
  }
  return wrong;
})()
"""


@pytest.mark.parametrize("queues", [1, 4, 7, 12])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_board_can_be_read(browser, wall, tmp_path, language, scheme, queues):
    wall.board = a_board(queues)
    page = browser.page(scheme=scheme, languages=language)
    page.open(wall.url)
    page.wait(SHOWN)
    page.picture(tmp_path / f"{language}-{scheme}-{queues}.png")
    assert page.value("document.documentElement.dataset.theme") == scheme
    assert page.value("document.dir") == {"en": "ltr", "fa": "rtl"}[language]
    page.wait(f"{FAINT}.length === 0")  # colours may still be in transition
    for font in page.each_font():
        page.picture(tmp_path / f"{language}-{scheme}-{queues}-{font}.png")
        assert page.value(OVERFLOWING) == [], font
    assert page.value(NOT_ISOLATED) == []
    digits = "0123456789" if language == "en" else "۰۱۲۳۴۵۶۷۸۹"
    text = page.text("#tiles") + page.text("#queues td")
    assert {each for each in text if each.isdigit()} <= set(digits)
    assert page.errors == []
    page.close()


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 720), (3840, 2160), (1024, 768), (1080, 1920), (2560, 1080)]
)
def test_it_fills_every_screen(browser, wall, width, height):
    wall.board = a_board(12, names=True, calls=1900)
    page = browser.page(width=width, height=height)
    page.open(wall.url)
    page.wait(SHOWN)
    for font in page.each_font():
        assert page.value(OVERFLOWING) == [], font
    large = page.value("parseFloat(getComputedStyle(document.querySelector('.tile b')).fontSize)")
    assert large > min(width / 100, height / 56) * 2.9
    page.close()


@pytest.mark.parametrize("language", ["en", "fa"])
def test_it_brings_its_font_and_can_do_without(browser, wall, language):
    wall.board = a_board(12, names=True)
    for blocked in (False, True):
        page = browser.page(languages=language)
        if blocked:
            page.block("*.woff2")
        page.open(wall.url)
        page.wait(SHOWN)
        page.ready()
        page.value("draw = () => undefined")  # stops the redrawing
        if blocked:
            assert not any(brought for _, brought in page.fonts())
        else:
            assert page.fonts() == {("Vazirmatn", True)}
        assert any(url.endswith(".woff2") for url in page.requests)
        assert page.value(OVERFLOWING) == []
        assert page.errors == []
        page.close()


def test_colour_is_never_alone(browser, wall):
    wall.board = a_board(12)
    page = browser.page()
    page.open(wall.url)
    page.wait(SHOWN)
    for level, word in (("warning", "warning"), ("critical", "critical")):
        marks = page.value(
            f"[...document.querySelectorAll('[data-level={level}] .mark')].map((mark) =>"
            " [mark.getAttribute('aria-label'), getComputedStyle(mark, '::before').clipPath])"
        )
        assert len(marks) > 2
        assert {label for label, _ in marks} == {word}
        assert all(shape.startswith("polygon") for _, shape in marks)
    assert (
        page.value(
            "document.querySelectorAll('[data-level=good] .mark[aria-label]:not([aria-label=\"\"])').length"
        )
        == 0
    )


def test_names_are_text_whatever_they_hold(browser, wall):
    wall.board = a_board(12, names=True)
    page = browser.page()
    page.open(wall.url)
    page.wait(SHOWN)
    assert page.value("document.querySelectorAll('#queues b[onload]').length") == 0
    assert "<b onload=alert(1)>night</b>" in page.value("document.querySelector('#queues').textContent")
    assert page.value("document.querySelectorAll('.person').length") == len(PEOPLE) * 2


def test_the_address_decides_before_the_browser(browser, wall):
    wall.board = a_board(4)
    page = browser.page(scheme="light", languages="en")
    page.open(f"{wall.url}?theme=dark&lang=fa")
    page.wait(SHOWN)
    assert page.value("document.documentElement.dataset.theme") == "dark"
    assert page.value("document.dir") == "rtl"
    page.open(wall.url)
    page.wait(f"location.search === '' && {SHOWN}")
    assert page.value("document.documentElement.dataset.theme") == "dark"  # the browser keeps the choice
    assert page.value("document.dir") == "rtl"
    page.ask("Network.clearBrowserCookies")  # other tests use the same browser


def test_without_a_choice_the_page_follows_the_device(browser, wall):
    wall.board = a_board(4)
    page = browser.page(scheme="light", languages="en")
    page.open(wall.url)
    page.wait(SHOWN)
    page.ask("Network.clearBrowserCookies")
    page.open(f"{wall.url}?again")
    page.wait(f"location.search === '?again' && {SHOWN}")
    assert page.value("document.documentElement.dataset.theme") == "light"
    page.scheme("dark")
    page.wait("document.documentElement.dataset.theme === 'dark'")
