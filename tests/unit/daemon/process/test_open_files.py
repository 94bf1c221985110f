"""The shares of the open files: callers first."""

import resource

import pytest
from twisted.logger import formatEvent

from cc_bridge.config import Config
from cc_bridge.daemon.process import open_files
from cc_bridge.daemon.process.open_files import ConnectionShares, raise_limit, shares


@pytest.mark.parametrize(
    ("limit", "http", "pending"),
    [
        (resource.RLIM_INFINITY, 200, 1000),
        (65_536, 200, 1000),
        (1364, 200, 1000),
        (1363, 200, 999),
        (1024, 200, 660),
        (256, 28, 64),
        (64, 8, 32),  # never nothing
    ],
)
def test_http_gets_what_callers_leave(limit, http, pending):
    assert shares(Config(), limit) == ConnectionShares(http, pending)


def test_a_small_configuration_needs_little():
    config = Config(agi={"max_callers": 5, "max_pending_connections": 10}, http={"max_connections": 20})
    assert shares(config, 1024) == ConnectionShares(20, 10)


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "warns"),
    [
        (1024, 524_288, 1364, False),
        (1024, resource.RLIM_INFINITY, 1364, False),
        (4096, 4096, None, False),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, False),
        (512, 1024, 1024, True),
        (1024, 1024, None, True),
    ],
)
def test_the_limit_is_raised_as_far_as_it_is_needed(monkeypatch, logged, soft, hard, raised_to, warns):
    limits, calls = [soft, hard], []
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(open_files.resource, "setrlimit", lambda _, to: calls.append(to))
    raise_limit(Config())
    assert calls == ([] if raised_to is None else [(raised_to, hard)])
    assert ["raise LimitNOFILE" in formatEvent(line) for line in logged] == ([True] if warns else [])
