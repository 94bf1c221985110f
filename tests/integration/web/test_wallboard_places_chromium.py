"""The wallboard in a real browser: sizes of texts, more queues than fit, phones, and changes of the board."""

import pytest

from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.wallboards import PEOPLE, SHOWN, a_board, wall

__all__ = ["browser", "wall"]

pytestmark = pytest.mark.chromium

# The size of a screen, and the smallest allowed text on it in pixels.
SCREENS = {(1920, 1080): 18, (1280, 720): 12, (390, 844): 14, (1080, 1920): 18}

# The visible texts that are smaller than LEAST pixels, by their computed size or their height on the screen.
SMALL = """
(() => {
  const wrong = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const [box] = range.getClientRects();
    const element = texts.currentNode.parentElement;
    if (!box?.width || element.closest("thead")?.clientWidth === 1) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < LEAST || box.height < LEAST)
      wrong.push([element.className, texts.currentNode.data, size, box.height]);
  }
  return wrong;
})()
"""

# The texts that leave their box or the screen, and the boxes that are too small for their content.
CLIPPED = """
(() => {
  const wrong = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) wrong.push(["page", scrollWidth]);
  const boxes = "header, #alarm, .tile, #room, thead th, tbody th, td, .chip, .person, .chips, #more, body";
  for (const box of document.querySelectorAll(boxes)) {
    const shown = box.getBoundingClientRect();
    const hidden = !shown.width || box.closest("thead")?.clientWidth === 1;
    if (hidden || (box === document.body && matchMedia("(max-width: 699px)").matches)) continue;
    const cuts = getComputedStyle(box).overflowY === "hidden";
    if (box.scrollWidth > box.clientWidth + 1 || (cuts && box.scrollHeight > box.clientHeight + 1))
      wrong.push(["box", box.className || box.tagName, box.textContent.slice(0, 40)]);
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      for (const part of range.getClientRects()) {
        if (!part.width) continue;
        const middle = (part.top + part.bottom) / 2; // fonts reserve more room above and below than they use
        const wide = part.left < shown.left - 1 || part.right > shown.right + 1;
        if (wide || middle < shown.top || middle > shown.bottom)
          wrong.push(["text", box.className || box.tagName, texts.currentNode.data]);
      }
    }
  }
  return wrong;
})()
"""
# The Persian zeros that stand alone. Smaller than 40 px, they cannot be read from afar.
LONE_ZEROS = """
[...document.querySelectorAll("body *")]
  .filter((element) => element.getClientRects().length && !element.children.length)
  .filter((element) => element.textContent.replace(/[\\u2066-\\u2069\\s]/g, "") === "\u06f0")
  .map((element) => element.className || element.tagName)
"""
NAMES = "[...document.querySelectorAll('#queues tr:not([hidden])')].map((row) => row.dataset.queue)"
TURN = "goOn(); draw()"


@pytest.fixture
def show(browser, wall):
    pages = []

    def show(board, query="", **settings):
        wall.board = board
        pages.append(browser.page(**settings))
        pages[-1].open(wall.url + query)
        pages[-1].wait(SHOWN)
        return pages[-1]

    yield show
    for page in pages:
        page.close()


@pytest.mark.parametrize("queues", [1, 10, 40, 100])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_no_text_is_small_or_clipped(show, tmp_path, language, screen, queues):
    width, height = screen
    board = a_board(queues, names=queues != 10, calls=1900 if queues < 40 else 150, agents=70)
    page = show(board, languages=language, width=width, height=height)
    for font in page.each_font():
        page.picture(tmp_path / f"{language}-{width}-{queues}-{font}.png")
        assert page.value(SMALL.replace("LEAST", str(SCREENS[screen]))) == [], font
        assert page.value(CLIPPED) == [], font
        assert page.value(NOT_ISOLATED) == []
    assert page.errors == []


@pytest.mark.parametrize("screen", SCREENS)
def test_a_hundred_per_cent_fits(show, screen):
    width, height = screen
    page = show(a_board(10), width=width, height=height)
    for font in page.each_font():
        page.value(
            "for (const each of [board.total, ...board.queues]) each.service_level_percent = 100; draw()"
        )
        texts = page.value(
            "[...document.querySelectorAll('[data-column=service_level] b')].map((b) => b.textContent)"
        )
        assert set(texts) == {"100%"}
        assert page.value(CLIPPED) == [], font


@pytest.mark.parametrize("nps", [False, True])
def test_no_persian_zero_stands_alone(show, nps):
    page = show(a_board(10, nps=nps, quiet=True, names=True), languages="fa")
    assert page.value(LONE_ZEROS) == []
    assert nps is ("صفر" in page.text("#tiles"))


def test_the_worst_queues_come_first_and_the_others_are_told(show):
    page = show(a_board(40))
    shown = page.value(NAMES)
    assert 8 <= len(shown) < 40
    waits = page.value("rows.map((row, place) => [row.hidden, board.queues[place].waiting])")
    assert all(waiting for hidden, waiting in waits if not hidden)
    loud = sum(bool(waiting) for hidden, waiting in waits if hidden)
    assert page.text("#more") == f"{40 - len(shown)} more, {loud} of them with waiting callers"
    page.value("board.queues.forEach((queue, place) => { queue.waiting = place === 39 ? 7 : 0; })")
    assert page.value(f"draw(); {NAMES}") == shown  # no row moves between two turns
    changed = page.value(f"{TURN}; {NAMES}")
    assert changed[0] == page.value("board.queues[39].title.en")
    assert page.text("#more") == f"{40 - len(changed)} more are quiet"
    assert page.value("document.getElementById('queues').children[0].dataset.queue") == changed[0]


def test_it_promises_no_quiet_while_the_pbx_is_not_observed(show):
    page = show(a_board(40))
    page.value(
        "board.observed = false; board.unobserved_since = now();"
        "board.queues.forEach((queue) => { queue.waiting = null; }); draw()"
    )
    assert page.text("#more") == f"{40 - len(page.value(NAMES))} more"


def test_pages_show_every_queue_and_agent_in_turn(show):
    page = show(a_board(40, names=True, agents=70), "?more=pages")
    people = "[...document.querySelectorAll('.person .name')].map((name) => name.textContent)"
    queues, agents, said = [], set(), []
    for _ in range(5):
        queues += page.value(NAMES)
        agents |= set(page.value(people))
        said.append(page.text("#more"))
        page.value(TURN)
    assert set(queues) == set(page.value("board.queues.map((queue) => queue.title.en)"))
    assert len(agents) == 70
    assert said[:2] == ["1 to 8 of 40", "9 to 16 of 40"]
    # The page turns automatically, unless the viewer stops it.
    before = page.value(NAMES)
    page.value("turnedAt -= TURN_MS; draw()")
    assert page.value(NAMES) != before
    page.value("document.querySelector('#tools button').click()")
    before = page.value(NAMES)
    page.value("turnedAt -= TURN_MS; draw()")
    assert page.value(NAMES) == before
    assert page.text("#tools button") == "Continue"


def test_a_wall_is_bare_until_someone_looks_for_the_tools(show):
    page = show(a_board(4))
    seen = "getComputedStyle(document.getElementById('tools')).opacity"
    assert page.value(seen) == "0"
    page.value("document.querySelector('#tools a').focus()")
    assert page.value(seen) == "1"
    links = page.value("[...document.querySelectorAll('#tools a')].map((link) => new URL(link.href))"
                       ".map((url) => url.pathname + url.search)")  # fmt: skip
    assert links == ["/", "/wallboard?more=pages"]
    other = show(a_board(4), "?lang=fa&theme=dark&more=pages")
    assert other.value("new URL(document.querySelectorAll('#tools a')[1].href).search") == (
        "?lang=fa&theme=dark&more=worst"
    )


def test_a_phone_has_cards_of_all_queues_that_scroll(show):
    page = show(a_board(40, names=True, agents=len(PEOPLE) * 4), width=390, height=844)
    assert len(page.value(NAMES)) == 40
    assert page.value("document.querySelectorAll('.person').length") == len(PEOPLE) * 4
    assert page.value("getComputedStyle(document.getElementById('tools')).opacity") == "1"
    assert page.value("document.documentElement.scrollHeight > 5 * innerHeight")
    assert page.value("getComputedStyle(document.body).overflowY") == "visible"
    page.value("scrollTo(0, 3000); draw()")
    assert page.value("scrollY") == 3000
    labels = page.value(
        "[...document.querySelectorAll('#queues tr:first-child h3')].map((h3) => h3.innerText)"
    )
    assert labels == page.value("Object.keys(COLUMNS).map((column) => words[column])")


def test_the_whole_wait_is_shown_where_it_differs(show):
    page = show(a_board(7))
    cells = page.value(
        "[...document.querySelectorAll('#queues [data-column=longest_wait]')]"
        ".map((box) => [box.querySelector('small').textContent, box.dataset.level])"
    )
    whole = [text.startswith("in all ") for text, _ in cells]
    assert whole == [False, True, True, False, True, True, False]
    assert [level for text, level in cells if text] == ["critical"] * 4  # by the whole wait


def test_changes_lead_to_the_same_board_as_a_whole_one(show, wall):
    page = show(a_board(4, names=True))
    for settings in ({"calls": 20}, {"names": True, "agents": 3}, {"names": True, "quiet": True}):
        wall.show(a_board(4, **settings))
    wall.show(a_board(4, names=True, agents=5, calls=77))
    expected = wall.json()
    growing = ("seconds", "longest_wait_seconds", "longest_whole_wait_seconds", "at")

    def steady(value):
        if isinstance(value, dict):
            return {
                name: steady(each) for name, each in value.items() if name not in growing and each is not None
            }
        return [steady(each) for each in value] if isinstance(value, list) else value

    page.wait(f"board.total.answered === {expected['total']['answered']}")
    shown = page.value("board")
    shown["agents"].sort(key=lambda agent: agent["name"])
    assert steady(shown) == steady(expected)
    assert sum(url.endswith("/events") for url in page.requests) == 1


def test_a_missed_change_is_noticed(show, wall):
    page = show(a_board(4))
    page.value("number -= 1")
    wall.show(a_board(4, calls=77))
    page.wait(f"board.total.answered === {wall.json()['total']['answered']}")
    assert sum(url.endswith("/events") for url in page.requests) == 2
    assert page.errors == []
