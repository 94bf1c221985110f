"""Spoken comments on an agent's own page: each address opens one recording, no longer than the link."""

import json
from dataclasses import replace

import pytest
from twisted.internet.defer import fail, succeed
from twisted.internet.task import Clock

from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.errors import StorageError
from cc_bridge.web.access.agent_links import AgentLinks, BadLink
from cc_bridge.web.agent_api import AgentCommentsResource, AgentResource
from cc_bridge.web.resources import TreeResource
from cc_bridge.web.server import site
from support.http_client import Browsing
from support.site_access import access

TOKEN = "a-token-of-the-house"
NOW = 1_795_309_819.0
AT = NOW - 4000.123456
LINKS = AgentLinks(TOKEN, "main")
COMMENT = StoredComment("main", "a-1", "comment", "sales", "Sara", AT, 14, "/var/spool/x/a-1-comment.wav")
WAV = b"RIFF" + bytes(100)


class AgentSite(Browsing):
    """A client of the agent page's API, and the site."""

    def __init__(self, token=TOKEN, link_seconds=100_000):
        self.now, self.template, self.asked = NOW, "", []
        self.found = lambda: succeed(COMMENT)
        self.sound = lambda: succeed(WAV)
        clock, links = Clock(), AgentLinks(token, "main") if token else None
        self.token = LINKS.sign("Sara", int(NOW) + link_seconds)
        figures = AgentResource(links, self._read, lambda: self.now, clock)
        comments = AgentCommentsResource(
            links, self._find, lambda _comment: self.sound(), lambda: self.template, lambda: self.now, clock
        )
        api = TreeResource(figures, comments=comments)
        self.site = site(lambda _: (b"", ""), dict, dict, access().wall, dict, None, agent=api)

    def _read(self, agent, _days, _language):
        comments = [{"at": "...", "sound": AT}, {"at": "...", "sound": None}]
        return succeed({"agent": agent, "comments": comments})

    def _find(self, agent, at):
        self.asked.append((agent, at))
        return self.found()

    def address(self):
        heard, erased = json.loads(self.ask("/api/agent").body)["comments"]
        assert erased["sound"] is None
        return "/" + heard["sound"]


def test_an_agent_hears_a_comment(logged):
    browser = AgentSite()
    answer = browser.ask(browser.address(), token="")
    assert (answer.code, answer.body) == (200, WAV)
    assert (answer.headers["content-type"], answer.headers["accept-ranges"]) == ("audio/wav", "bytes")
    assert browser.asked == [("Sara", AT)]
    part = browser.ask(browser.address(), token="", Range="bytes=0-3")
    assert (part.code, part.body, part.headers["content-range"]) == (206, b"RIFF", f"bytes 0-3/{len(WAV)}")
    lines = [event for event in logged if "comment" in str(event.get("subject"))]
    assert lines
    assert not any("Sara" in str(event) for event in lines)


def test_the_address_stays_the_same_while_the_page_renews_its_figures():
    browser = AgentSite()
    first = browser.address()
    browser.now += 15
    assert browser.address() == first


@pytest.mark.parametrize(("link_seconds", "until"), [(100_000_000, 24 * 3600), (500, 500)])
def test_the_address_ends(link_seconds, until):
    browser = AgentSite(link_seconds=link_seconds)
    address = browser.address()
    assert browser.ask(address, token="").code == 200
    browser.now += until + 1
    answer = browser.ask(address, token="")
    assert (answer.code, b"expired" in answer.body) == (401, True)


def test_no_other_key_opens_a_comment():
    browser = AgentSite()
    key = browser.address().rpartition("/")[2]
    keys = (
        LINKS.sign("Sara", int(NOW) + 100),
        AgentLinks("another-token-of-a-house", "main").sign_comment("Sara", AT, int(NOW) + 100),
        AgentLinks(TOKEN, "other").sign_comment("Sara", AT, int(NOW) + 100),
        key[:-1] + ("A" if key[-1] != "A" else "B"),
        "x" * 1900,
        "%00",
        "..",
    )
    assert [browser.ask(f"/api/agent/comments/{each}", token="").code for each in keys] == [401] * 7
    assert browser.asked == []
    assert browser.ask("/api/agent/comments", token="").code == 404
    with pytest.raises(BadLink):
        LINKS.verify(key, NOW)


def test_a_comment_that_is_gone():
    browser = AgentSite()
    address = browser.address()
    browser.found = lambda: succeed(None)
    assert browser.ask(address).code == 404
    browser.found = lambda: succeed(replace(COMMENT, recording=""))
    assert browser.ask(address).code == 404
    browser.found, browser.sound = lambda: succeed(COMMENT), lambda: succeed(None)
    assert browser.ask(address).code == 404
    browser.sound = lambda: fail(StorageError("a recording cannot be read"))
    assert browser.ask(address).code == 503


def test_a_comment_on_another_machine():
    browser = AgentSite()
    browser.template = "https://pbx.example/{file}"
    answer = browser.ask(browser.address())
    assert (answer.code, answer.headers["location"]) == (303, "https://pbx.example/a-1-comment.wav")
    assert "content-type" not in answer.headers


def test_without_a_token_there_are_no_links():
    assert AgentSite(token="").ask("/api/agent/comments/x").code == 403


def test_too_many_requests():
    browser = AgentSite()
    address = browser.address()
    assert [browser.ask(address).code for _ in range(22)] == [200] * 20 + [429] * 2
