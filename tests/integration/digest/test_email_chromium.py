"""A digest's mail and its attachment in a real browser: complete, no requests, and fit for each width."""

from email import policy
from email.parser import BytesParser

import pytest

from cc_bridge.digest.builder import build_digest, build_mail, digest_timer
from cc_bridge.digest.content import DigestName
from cc_bridge.storage.migrate import open_database
from support.chromium import browser
from support.digest_fixtures import MONDAY, configured, filled
from support.isolates import NOT_ISOLATED

__all__ = ["browser"]

pytestmark = pytest.mark.chromium

WORDS = {
    "en": {"language": "en"},
    "fa": {"language": "fa", "calendar": "persian", "digits": "persian", "first_weekday": "sat"},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('pages') / 'calls.sqlite'}"
    filled(url).dispose()
    return url


@pytest.mark.parametrize("width", [700, 390])
@pytest.mark.parametrize("language", WORDS)
def test_the_mail_fits_a_desk_and_a_telephone(browser, url, tmp_path, language, width):
    config = configured(url, reports=WORDS[language])
    engine = open_database(url)
    digest = build_digest(
        engine, config, "sara", digest_timer(config).due(MONDAY)[1], MONDAY, DigestName.WEEK
    )
    engine.dispose()
    mail = build_mail(config, digest, "sara", "sara@example.com", "<one@example.com>", MONDAY)
    parsed = BytesParser(policy=policy.default).parsebytes(mail)
    body = parsed.get_body(("html",)).get_content()
    (attached,) = parsed.iter_attachments()
    for name, text in {"body": body, "whole": attached.get_content()}.items():
        file = tmp_path / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        page = browser.page(width=width, height=2600)
        page.open(file.as_uri())
        page.wait("document.readyState === 'complete' && document.querySelector('h1')")
        if name == "body":
            for font in page.each_font():
                assert page.value("document.documentElement.scrollWidth") <= width, font
            first, last = (
                page.value(f"document.querySelectorAll('h1 + div span')[{n}].getBoundingClientRect().left")
                for n in (0, 1)
            )
            assert (first > last) == (language == "fa")  # days run in the direction of the text
        assert page.value("getComputedStyle(document.querySelector('h1')).direction") == (
            "rtl" if language == "fa" else "ltr"
        )
        assert page.value("document.querySelectorAll('td').length") > 20
        assert page.value(NOT_ISOLATED) == []
        assert page.errors == []
        assert page.requests == [file.as_uri()]
        page.picture(tmp_path / f"{name}.png")
        page.close()
