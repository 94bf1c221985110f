"""Sending of digests: once each, late rather than never, through a real mail server that may refuse."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest

from cc_bridge.digest import delivery
from cc_bridge.digest.delivery import send_due
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.digest_deliveries import CLAIM_SECONDS, DigestDeliveries
from support.digest_fixtures import MONDAY, configured, filled
from support.mail_server import mail_server

__all__ = ["mail_server"]

HOUR, DAY = 3600.0, 86_400.0
SOME = 4000  # records of the last days; sending does not depend on their content
EVERYBODY = {"sara@example.com": 1, "ali@example.com": 1, "board@example.com": 1}


class Daemon:
    """A daemon that checks for due digests at the instant `now`."""

    def __init__(self, config, name="one"):
        self.config, self.name, self.now = config, name, MONDAY

    def look(self, **how):
        return send_due(self.config, self.name, lambda: self.now, **how)


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Return the file of a filled database. Tests copy it and never change it."""
    file = tmp_path_factory.mktemp("week") / "calls.sqlite"
    engine = filled(f"sqlite:///{file}", SOME)
    engine.dispose()
    return file


@pytest.fixture
def url(week, tmp_path):
    file = tmp_path / "calls.sqlite"
    file.write_bytes(week.read_bytes())
    return f"sqlite:///{file}"


@pytest.fixture
def daemon(url, mail_server):
    return Daemon(configured(url, mail_server))


def got(server):
    return Counter(address for address, _ in server.mails)


def states(url):
    engine = open_database(url)
    known = {each.address: each.state for each in DigestDeliveries(engine, "").newest(99)}
    engine.dispose()
    return known


def test_each_gets_one_and_the_next_is_due_a_week_later(daemon, mail_server):
    posted = daemon.look()
    assert got(mail_server) == EVERYBODY
    assert (posted.every, posted.due_at, posted.last_sent_at) == ("week", MONDAY - 2 * HOUR, MONDAY)
    for hours in range(1, 7 * 24 - 2, 13):
        daemon.now = MONDAY + hours * HOUR
        assert daemon.look().sent == []
    daemon.now = MONDAY + 7 * DAY
    assert len(daemon.look().sent) == 3
    assert got(mail_server) == dict.fromkeys(EVERYBODY, 2)
    first, second = (mail["Subject"] for address, mail in mail_server.mails if address == "board@example.com")
    assert "2026-11-09" in first
    assert "2026-11-16" in second


def test_a_daemon_that_was_away_sends_the_last_one_late_and_once(daemon, mail_server):
    daemon.now = MONDAY + 20 * DAY
    daemon.look()
    daemon.look()
    assert got(mail_server) == EVERYBODY
    assert all("2026-11-23" in mail["Subject"] for _, mail in mail_server.mails)


def test_what_the_server_puts_off_goes_again_and_arrives_once(daemon, mail_server):
    mail_server.replies["DATA"] += ["451 later", "451 later"]
    posted = daemon.look()
    assert len(posted.sent) == 1
    assert [why for _, why in posted.put_off] == ["the server replied 451 later"] * 2
    pause = posted.look_at - daemon.now
    assert 60 <= pause <= 300
    daemon.now += pause - 1
    assert daemon.look().sent == []
    daemon.now += 2
    assert len(daemon.look().sent) == 2
    assert got(mail_server) == EVERYBODY


def test_while_the_server_is_away_pauses_grow_and_after_a_day_it_is_given_up(url, mail_server):
    mail_server.close()
    daemon = Daemon(configured(url, mail_server, owner_addresses={}))
    tries, given_up = [], []
    while not given_up:
        posted = daemon.look()
        if posted.put_off:
            tries.append(daemon.now)
        given_up = posted.given_up
        daemon.now = posted.look_at
    pauses = [later - at for at, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == HOUR
    assert DAY - HOUR < tries[-1] - MONDAY < DAY
    assert len(given_up) == 1
    assert set(states(daemon.config.storage.url).values()) == {"failed"}
    assert daemon.look().given_up == []


def test_what_is_refused_for_good_is_given_up_at_once_and_the_others_get_theirs(daemon, mail_server):
    mail_server.replies["RCPT"].append("550 no such mailbox")
    posted = daemon.look()
    ((key, why),) = posted.given_up
    assert "550 no such mailbox" in why
    assert got(mail_server) + Counter([key.address]) == EVERYBODY
    daemon.now += DAY
    assert not daemon.look().sent


def test_what_may_have_arrived_does_not_go_again_by_itself(daemon, mail_server):
    mail_server.replies["DATA"].append("hang up")
    posted = daemon.look()
    ((key, why),) = posted.given_up
    assert "may have arrived" in why
    daemon.now += DAY
    daemon.look()
    assert got(mail_server) == EVERYBODY
    assert states(daemon.config.storage.url)[key.address] == "unclear"
    assert len(daemon.look(again=True).sent) == 3
    assert got(mail_server)[key.address] == 2


def test_two_daemons_on_one_database_send_one_each(server_url, mail_server):
    engine = filled(server_url, SOME)
    engine.dispose()
    daemons = [Daemon(configured(server_url, mail_server), f"daemon {n}") for n in range(4)]
    together = Barrier(len(daemons))

    def run(daemon):
        together.wait(60)
        return daemon.look()

    with ThreadPoolExecutor(len(daemons)) as pool:
        posted = list(pool.map(run, daemons))
    assert [each.why_not for each in posted] == [""] * len(daemons)
    assert got(mail_server) == EVERYBODY
    assert sum(len(each.sent) for each in posted) == 3


def test_two_daemons_on_one_file_send_one_each(url, mail_server):
    daemons = [Daemon(configured(url, mail_server), f"daemon {n}") for n in range(3)]
    with ThreadPoolExecutor(len(daemons)) as pool:
        posted = list(pool.map(Daemon.look, daemons))
    assert got(mail_server) == EVERYBODY
    assert not [each.why_not or each.put_off for each in posted if each.why_not or each.put_off]


def test_another_daemon_takes_over_what_one_that_died_had_only_begun_to_make(
    daemon, mail_server, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "build_digest", killed)
        with pytest.raises(Killed):
            daemon.look()
    other = Daemon(daemon.config, "other")
    other.look()
    assert sum(got(mail_server).values()) == 2
    other.now += CLAIM_SECONDS + 1
    assert len(other.look().sent) == 1
    assert got(mail_server) == EVERYBODY


def test_what_was_cut_off_while_it_was_sent_is_told_once_and_not_sent_again(daemon, mail_server, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(DigestDeliveries, "sent", killed)  # the mail was sent, but not recorded
        with pytest.raises(Killed):
            daemon.look()
    daemon.now += CLAIM_SECONDS + 1
    posted = daemon.look()
    ((key, why),) = posted.given_up
    assert "may have arrived" in why
    assert daemon.look().given_up == []
    assert got(mail_server) == EVERYBODY
    assert states(daemon.config.storage.url)[key.address] == "unclear"


def test_who_lost_a_claim_sends_nothing(daemon, mail_server, monkeypatch):
    slow = Daemon(daemon.config, "slow")
    make = delivery.build_digest

    def taking_long(*whatever):
        daemon.now = slow.now + CLAIM_SECONDS + 1
        with monkeypatch.context() as patched:
            patched.setattr(delivery, "build_digest", make)
            daemon.look()
        return make(*whatever)

    monkeypatch.setattr(delivery, "build_digest", taking_long)
    assert slow.look().sent == []
    assert got(mail_server) == EVERYBODY


def test_a_report_that_cannot_be_made_is_put_off_like_a_mail(daemon, mail_server, monkeypatch):
    def broken(*_):
        raise RuntimeError("a report\nthat breaks")

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "build_digest", broken)
        posted = daemon.look()
    assert {why for _, why in posted.put_off} == {"RuntimeError: a report that breaks"}
    daemon.now = posted.look_at
    assert len(daemon.look().sent) == 3
    assert got(mail_server) == EVERYBODY


def test_a_database_that_is_away_is_told_and_looked_for_again(mail_server):
    away = Daemon(configured("sqlite:////no/such/folder/calls.sqlite", mail_server))
    posted = away.look()
    assert "the directory of the SQLite file does not exist" in posted.why_not
    assert posted.due_at == MONDAY - 2 * HOUR
    assert 0 < posted.look_at - away.now < HOUR


def test_a_stop_begins_no_more(daemon, mail_server):
    posted = send_due(daemon.config, "one", lambda: MONDAY, lambda: bool(mail_server.mails))
    assert len(posted.sent) == 1
    assert len(daemon.look().sent) == 2


def test_a_new_address_gets_the_last_one_and_one_that_is_gone_gets_nothing(daemon, mail_server):
    mail_server.replies["DATA"] += ["451 later"] * 3
    daemon.look()
    daemon.config = configured(
        daemon.config.storage.url, mail_server, recipients=["new@example.com"], owner_addresses={}
    )
    daemon.now += DAY
    daemon.look()
    assert got(mail_server) == {"new@example.com": 1}


def test_each_try_of_a_mail_has_the_same_message_id(daemon, mail_server):
    mail_server.replies["DATA"].append("hang up")
    posted = daemon.look()
    ((key, _),) = posted.given_up
    ids = [mail["Message-ID"] for _, mail in mail_server.mails]
    assert len(set(ids)) == 3
    assert all(mark.endswith("@example.com>") for mark in ids)
    assert delivery.message_id(key, MONDAY, "bridge@example.com") in ids
