"""A real browser for tests: Debian's Chromium, headless, driven by its DevTools protocol over a pipe.

Chromium reads commands from its file descriptor 3 and writes answers and events to descriptor 4, as JSON with
a NUL after each message. So no driver, port or library is needed. The test's reactor runs both the browser
and the daemon, and the browser's requests are served while the test waits.

Note: Chromium contacts its maker in the background unless flags switch this off. A page's own requests are
listed in `Page.requests`, so that a test can assert that all of them go to the daemon.
"""

import base64
import json
import os
import shutil
from itertools import count

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from support.reactor_loop import result_of, until

__all__ = ["Browser", "Page", "browser"]

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
    "--no-default-browser-check", "--no-proxy-server", "--remote-debugging-pipe",
)  # fmt: skip
_SECONDS = 60.0  # a start takes 1 s, on a busy machine much more
_WIDEN = """
(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { font-family: 'DejaVu Sans' !important; }");
  document.adoptedStyleSheets = [sheet];
})()
"""


class _Pipe(ProcessProtocol):
    """The connection to one Chromium process over its pipe."""

    def __init__(self):
        self.ended = False
        self.errors = b""
        self.pages = {}  # by session ID
        self._numbers = count(1)
        self._asked = {}
        self._read = b""

    def ask(self, method, session=None, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.transport.writeToChild(3, json.dumps(message).encode() + b"\0")
        self._asked[number] = Deferred()
        return self._asked[number]

    def childDataReceived(self, descriptor, data):  # noqa: N802
        if descriptor != 4:
            self.errors = (self.errors + data)[-4000:]
            return
        *messages, self._read = (self._read + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                asked = self._asked.pop(message["id"])
                if "error" in message:
                    asked.errback(RuntimeError(message["error"]))
                else:
                    asked.callback(message["result"])
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].heard(message["method"], message["params"])

    def processEnded(self, _reason):  # noqa: N802
        self.ended = True
        for asked in self._asked.values():
            asked.errback(RuntimeError(f"chromium ended: {self.errors.decode(errors='replace')}"))


class Browser:
    """One Chromium process with an empty profile."""

    def __init__(self, program, profile):
        self._pipe = _Pipe()
        until(lambda: True)  # starts the reactor
        self._process = reactor.spawnProcess(
            self._pipe,
            program,
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            env=os.environ,
            childFDs={0: 0, 1: "r", 2: "r", 3: "w", 4: "r"},
        )

    def ask(self, method, session=None, **params):
        return result_of(self._pipe.ask(method, session, **params), _SECONDS)

    def page(self, *, width=1920, height=1080, scheme="light", languages="en", headers=None):
        """Open an empty page of this size in its own browser context, without the cookies of other pages."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        self._pipe.pages[session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.ask(f"{domain}.enable")
        page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        page.scheme(scheme)
        page.ask("Network.setExtraHTTPHeaders", headers={"Accept-Language": languages, **(headers or {})})
        return page

    def close(self):
        self._pipe.ask("Browser.close").addErrback(lambda _: None)
        try:
            until(lambda: self._pipe.ended, 20)
        except AssertionError:
            self._process.signalProcess("KILL")
            until(lambda: self._pipe.ended, 20)


class Page:
    """One tab.

    `errors` holds the errors and warnings of its console, `requests` the URLs of all its requests.
    """

    def __init__(self, browser, session, target):
        self.errors = []
        self.requests = []
        self._browser = browser
        self._session = session
        self._target = target

    def ask(self, method, **params):
        return self._browser.ask(method, self._session, **params)

    def heard(self, method, params):
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(params["exceptionDetails"]["exception"].get("description", "?"))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.errors.append(str([each.get("value") for each in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                if "ERR_BLOCKED_BY_CLIENT" not in params["entry"]["text"]:
                    self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def block(self, *patterns):
        """Let requests fail whose URL matches a pattern. The failures are not in `errors`."""
        self.ask("Network.setBlockedURLs", urls=list(patterns))

    def scheme(self, scheme, motion="no-preference"):
        """Set the preferred colour scheme, `light` or `dark`; with the motion `reduce`, nothing moves."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=listed)

    def value(self, expression):
        """Return the value of a JavaScript expression."""
        got = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def ready(self):
        """Wait until the fonts that the page needs are loaded or have failed to load."""
        self.ask("Runtime.evaluate", expression="document.fonts.ready.then(() => null)", awaitPromise=True)

    def each_font(self):
        """Yield twice: with the page in its own font, loaded, and then in DejaVu Sans, a wide common font."""
        self.ready()
        yield "its own"
        self.value(_WIDEN)
        self.value("dispatchEvent(new Event('resize'))")
        yield "DejaVu Sans"

    def fonts(self):
        """Return the fonts in use: the family, and True if the page brought it, False for a system font."""
        self.ask("DOM.enable")
        self.ask("CSS.enable")
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        elements = self.ask("DOM.querySelectorAll", nodeId=root, selector="body *")["nodeIds"]
        used = [self.ask("CSS.getPlatformFontsForNode", nodeId=each)["fonts"] for each in elements]
        return {(font["familyName"], font["isCustomFont"]) for fonts in used for font in fonts}

    def text(self, selector):
        return self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait(self, expression, seconds=_SECONDS):
        """Wait until a JavaScript expression is true. An expression that throws counts as false."""
        guarded = f"(() => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }})()"

        def holds():
            try:
                return self.value(guarded)
            except RuntimeError as error:  # the page is leaving for another one
                if "navigated" not in str(error):
                    raise
                return False

        until(holds, seconds)

    def picture(self, file):
        """Write a screenshot as a PNG file."""
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self._browser.ask("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(shutil.which("chromium"), tmp_path_factory.mktemp("profile"))
    try:
        yield opened
    finally:
        opened.close()
