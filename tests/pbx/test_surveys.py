"""Whole surveys on a real Asterisk, answered with real keys; the rows in the database are what counts.

The queue sales asks `full`, all others `csat`. Each command that the daemon gives is an event of Asterisk's
as it begins, and so a caller presses a key when the prompt plays. A key pressed between two
commands is lost, as with a real caller; a caller who types several waits until Asterisk listens for the next.
"""

import wave
from collections import Counter

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.rig import REPOSITORY
from pbx.test_one_call import ended
from pbx.test_triggers import nobody_is_left, played, talking

MANY = 50
HEARD_SECONDS = 60.0  # until a prompt begins; the longest before it takes 9
RECORDED_BYTES = 24_000  # 1.5 s; Asterisk may write 2 s together
COMPANY = ("", "", "")
ALICE = ("sales", "Alice", "PJSIP/alice")
BAHAR = ("sales", "بهار", "PJSIP/bob")


def patient_surveys(folder):
    """Copy the shipped surveys; `csat` waits long for a key, as 50 callers come one after the other."""
    for file in (REPOSITORY / "config" / "surveys").glob("*.toml"):
        (folder / file.name).write_text(file.read_text())
    csat = folder / "csat.toml"
    csat.write_text(csat.read_text().replace("wait_seconds = 5 ", "wait_seconds = 12 "))
    return folder


@pytest.fixture(scope="module")
def _asking(asterisk, tmp_path_factory):
    running = Daemon(asterisk, tmp_path_factory.mktemp("daemon"))
    (asterisk.pbx._home / "spool" / "comments").mkdir()
    running.configure("survey", recordings_directory=str(asterisk.pbx._inside / "spool" / "comments"))
    running.configure("survey", directory=str(patient_surveys(tmp_path_factory.mktemp("surveys"))))
    running.configure("queues.sales", survey="full")
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def daemon(rig, _asking):
    rig.survey_at(_asking.agi_port)
    _asking.until_idle(rig)
    _asking.forget()
    return _asking


class Listener:
    """A caller in the survey, who hears one prompt after the other."""

    def __init__(self, caller):
        self.caller = caller
        self._driver = caller.rig.driver
        self._heard = 0

    def hears(self, what):
        """Wait until something that was not heard before begins."""
        begins = event("AGIExecStart", Uniqueid=self.caller.uniqueid)
        begun = self._driver.wait_for(
            lambda e: begins(e) and what in e["Command"], timeout=HEARD_SECONDS, start=self._heard
        )
        self._heard = self._driver.seen.index(begun) + 1

    def answers(self, prompt, keys):
        """Press the keys as soon as the prompt begins."""
        self.hears(prompt)
        self.caller.press(keys[0])
        for key in keys[1:]:
            self.hears("WAIT FOR DIGIT")
            self.caller.press(key)

    def speaks(self):
        """Be recorded for more than a second."""
        self.hears("RECORD FILE")
        rig = self.caller.rig

        def written():
            return any(file.stat().st_size > RECORDED_BYTES for file in comments_of(rig, self.caller))

        rig.driver.until(written, timeout=HEARD_SECONDS)

    def commands(self):
        begun = self._driver.events(event("AGIExecStart", Uniqueid=self.caller.uniqueid))
        return [each["Command"] for each in begun]


def comments_of(rig, caller):
    return list((rig.pbx._home / "spool" / "comments").glob(f"{caller.uniqueid}-*.wav"))


def asked_after_a_talk(rig, exten="sales", agent="alice", **how):
    caller = rig.call(exten, **how)
    talking(rig, caller, agent)
    rig.agent_hangs_up(agent)
    return Listener(caller)


def attempt_of(daemon, listener):
    """Wait for the end of a caller's survey and return its row."""
    uniqueid = listener.caller.uniqueid

    def over():
        rows = daemon.rows("survey_attempts")
        return next((row for row in rows if row["uniqueid"] == uniqueid and row["ended_at"]), None)

    return daemon.until(over, seconds=HEARD_SECONDS)


def said(daemon, attempt):
    """Return a caller's answers: question, kind, value, label, tries, and the agent that they rate."""
    columns = ("question", "kind", "value", "label", "tries", "queue", "agent", "interface")
    return [
        tuple(row[column] for column in columns)
        for row in daemon.rows("answers")
        if row["attempt_id"] == attempt["attempt_id"]
    ]


# To the end


@pytest.mark.parametrize(("language", "first"), [("en", "csat_ask"), ("fa", "welcome")])
def test_every_kind_of_question(rig, daemon, language, first):
    listener = asked_after_a_talk(rig, language=language)
    listener.answers(first, "2")
    listener.answers("comment_consent", "1")
    listener.answers("comment_ask", "5")  # any key: the caller knows what to do
    listener.speaks()
    listener.caller.press("#")
    listener.answers("solved_ask", "1")
    listener.answers("ces_ask", "7")
    listener.answers("nps_ask", "10")
    listener.answers("reason_ask", "2")
    ended(rig, listener.caller)
    attempt = attempt_of(daemon, listener)
    assert (attempt["survey"], attempt["version"], attempt["language"]) == ("full", 1, language)
    assert (attempt["result"], attempt["reason"], attempt["trigger"]) == ("complete", "", "queue")
    assert (attempt["queue"], attempt["agent"], attempt["interface"]) == ALICE
    assert attempt["attributed_by"] == "events"

    (file,) = comments_of(rig, listener.caller)
    with wave.open(str(file)) as comment:
        seconds = comment.getnframes() / comment.getframerate()
    assert seconds > 1
    answers = said(daemon, attempt)
    assert answers == [
        ("satisfaction", "csat", 2, "", 1, *ALICE),
        ("comment", "comment", answers[1][2], "", 1, *ALICE),
        ("solved", "yes_no", 1, "yes", 1, *ALICE),
        ("effort", "ces", 7, "", 1, *COMPANY),
        ("recommend", "nps", 10, "", 1, *COMPANY),
        ("reason", "choice", 2, "bill", 1, *COMPANY),
    ]
    assert answers[1][2] == pytest.approx(seconds, abs=1)
    recorded = [row["recording"] for row in daemon.rows("answers")]
    assert recorded == ["", str(rig.pbx._inside / "spool" / "comments" / file.name), "", "", "", ""]
    told = rig.driver.events(event("VarSet", Uniqueid=listener.caller.uniqueid, Variable="CCB_SURVEY"))
    assert [each["Value"] for each in told] == ["", "started", "complete"]


def test_a_call_that_a_phone_forwarded_rates_who_talked(rig, daemon):
    rig.forwards("alice", to="carol")
    listener = asked_after_a_talk(rig, agent="carol")
    listener.answers("csat_ask", "5")
    listener.caller.hang_up()
    answers = said(daemon, attempt_of(daemon, listener))
    assert [answer[-3:] for answer in answers] == [("sales", "Carol", "PJSIP/carol")]


def test_who_speaks_neither_language_chooses_one(rig, daemon):
    listener = asked_after_a_talk(rig, language="de")
    listener.answers("ask_language", "2")
    listener.answers("welcome", "5")
    listener.hears("solved_ask")
    listener.caller.hang_up()
    attempt = attempt_of(daemon, listener)
    assert (attempt["language"], attempt["result"]) == ("fa", "partial")
    assert said(daemon, attempt) == [("satisfaction", "csat", 5, "", 1, *ALICE)]
    assert 'SET VARIABLE "CHANNEL(language)" "fa"' in listener.commands()


# Keys


def test_a_wrong_key_then_a_right_one(rig, daemon):
    listener = asked_after_a_talk(rig, "local", "carol")
    listener.answers("csat_ask", "9")
    listener.answers("invalid", "4")
    ended(rig, listener.caller)
    attempt = attempt_of(daemon, listener)
    assert (attempt["survey"], attempt["result"]) == ("csat", "complete")
    (answer,) = said(daemon, attempt)
    assert answer[:5] == ("satisfaction", "csat", 4, "", 2)


def test_no_key(rig, daemon):
    """One caller says nothing at all, another one stops in the middle."""
    silent = asked_after_a_talk(rig, "local", "carol")
    stops = asked_after_a_talk(rig)
    stops.answers("csat_ask", "4")
    ended(rig, stops.caller)
    ended(rig, silent.caller)
    first, second = attempt_of(daemon, silent), attempt_of(daemon, stops)
    assert (first["result"], first["reason"]) == ("declined", "no_input")
    assert said(daemon, first) == []
    assert (second["result"], second["reason"]) == ("partial", "no_input")
    assert said(daemon, second) == [("satisfaction", "csat", 4, "", 1, *ALICE)]
    assert sum("csat_ask" in each for each in silent.commands()) == 2
    assert sum("solved_ask" in each for each in stops.commands()) == 2


def test_an_early_key(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.answers("welcome", "3")
    listener.hears("solved_ask")
    listener.caller.hang_up()
    assert said(daemon, attempt_of(daemon, listener)) == [("satisfaction", "csat", 3, "", 1, *ALICE)]
    assert not any("csat_ask" in each for each in listener.commands())


def test_the_skip_key(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.answers("welcome", "*#")
    listener.hears("skipped")
    listener.answers("solved_ask", "2")
    listener.answers("ces_ask", "*#")
    listener.hears("nps_ask")
    listener.caller.hang_up()
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("partial", "hung_up")
    assert said(daemon, attempt) == [("solved", "yes_no", 0, "no", 1, *ALICE)]


def test_the_opt_out_key(rig, daemon):
    number = "09351234567"
    listener = asked_after_a_talk(rig, number=number)
    listener.answers("welcome", "*0")
    listener.hears("opted_out")
    ended(rig, listener.caller)
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("declined", "opted_out")
    (wish,) = daemon.rows("opt_outs")
    assert (wish["caller_key"], wish["opted_out"], wish["source"]) == (attempt["caller_key"], 1, "key")

    caller = rig.call("sales", number=number)
    talking(rig, caller)
    rig.agent_hangs_up("alice")
    ended(rig, caller)
    stages = daemon.until(lambda: stages if len(stages := daemon.rows("survey_decisions")) == 2 else None)
    assert [row["stage"] for row in stages] == ["invited", "opted_out"]
    assert stages[1]["uniqueid"] == caller.uniqueid
    assert Listener(caller).commands() == ['SET VARIABLE "CCB_SURVEY" "opted_out"']
    assert len(daemon.rows("survey_attempts")) == 1


# Hanging up


def test_hanging_up_before_the_first_answer(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.hears("welcome")
    listener.caller.hang_up()
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("declined", "hung_up")
    assert said(daemon, attempt) == []
    nobody_is_left(rig)


def test_hanging_up_between_two_questions(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.answers("welcome", "4")
    listener.hears("solved_ask")
    listener.caller.hang_up()
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("partial", "hung_up")
    assert said(daemon, attempt) == [("satisfaction", "csat", 4, "", 1, *ALICE)]
    nobody_is_left(rig)


def test_hanging_up_while_being_recorded_keeps_what_was_said(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.answers("welcome", "1")
    listener.answers("comment_consent", "1")
    listener.answers("comment_ask", "1")
    listener.speaks()
    listener.caller.hang_up()
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("partial", "hung_up")
    assert [answer[:2] for answer in said(daemon, attempt)] == [
        ("satisfaction", "csat"),
        ("comment", "comment"),
    ]
    (file,) = comments_of(rig, listener.caller)
    with wave.open(str(file)) as comment:
        assert comment.getnframes() > comment.getframerate()
    nobody_is_left(rig)


# Faults


@pytest.fixture
def lost_prompt(rig):
    """Take the question of `csat` away from the PBX."""
    there = rig.pbx._home / "share" / "sounds" / "en" / "cc_bridge" / "csat_ask.wav"
    away = there.rename(there.with_suffix(".away"))
    yield
    away.rename(there)


@pytest.mark.usefixtures("lost_prompt")
def test_a_missing_sound_file_is_a_goodbye_and_an_error(rig, daemon):
    listener = asked_after_a_talk(rig, "local", "carol")
    listener.hears("goodbye")
    ended(rig, listener.caller)
    attempt = attempt_of(daemon, listener)
    assert (attempt["result"], attempt["reason"]) == ("declined", "error")
    assert "no sound file 'cc_bridge/csat_ask'" in daemon.log()
    nobody_is_left(rig)


def test_the_daemon_is_killed_in_the_middle(rig, daemon):
    listener = asked_after_a_talk(rig)
    listener.answers("welcome", "4")
    listener.hears("solved_ask")
    daemon.kill()
    ended(rig, listener.caller)
    assert played(rig) == ["cc_bridge/goodbye"]
    nobody_is_left(rig)
    daemon.start()
    (attempt,) = daemon.rows("survey_attempts")
    assert (attempt["uniqueid"], attempt["result"]) == (listener.caller.uniqueid, "started")
    assert said(daemon, attempt) == [("satisfaction", "csat", 4, "", 1, *ALICE)]


# Many callers


def test_two_at_once_do_not_mix(rig, daemon):
    first, second = rig.call("sales"), rig.call("sales")
    for caller in (first, second):
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    for agent in ("alice", "bob"):
        rig.agent_hangs_up(agent)
    one, other = Listener(first), Listener(second)
    for prompt, key, others_key in (("csat_ask", "4", "5"), ("solved_ask", "1", "2"), ("ces_ask", "7", "1")):
        one.hears(prompt)
        other.hears(prompt)
        other.caller.press(others_key)
        one.caller.press(key)
    one.answers("nps_ask", "0")
    other.answers("nps_ask", "10")
    other.answers("reason_ask", "3")
    one.answers("reason_ask", "1")
    attempts = [attempt_of(daemon, each) for each in (one, other)]
    assert [attempt["result"] for attempt in attempts] == ["complete", "complete"]
    assert [[answer[2:4] for answer in said(daemon, attempt)] for attempt in attempts] == [
        [(4, ""), (1, "yes"), (7, ""), (0, ""), (1, "delivery")],
        [(5, ""), (0, "no"), (1, ""), (10, ""), (3, "other")],
    ]
    whom = {said(daemon, attempt)[0][5:] for attempt in attempts}
    assert whom == {ALICE, BAHAR}


def test_many_at_once(rig, daemon):
    """None of them had a talk that was observed: the dialplan's word names the agent."""
    listeners = [Listener(rig.call("surveyed")) for _ in range(MANY)]
    daemon.until(lambda: daemon.metric("cc_bridge_agi_sessions_in_progress") == MANY)
    keys = {}
    for number, listener in enumerate(listeners):
        listener.hears("csat_ask")
        keys[listener.caller.uniqueid] = 1 + number % 5
    for listener in listeners:
        key = str(keys[listener.caller.uniqueid])
        rig.phones_driver.action("PlayDTMF", Channel=listener.caller.phone, Digit=key)
    attempts = [attempt_of(daemon, listener) for listener in listeners]
    assert Counter(attempt["result"] for attempt in attempts) == {"complete": MANY}
    assert {(each["agent"], each["queue"], each["attributed_by"]) for each in attempts} == {
        ("Carol", "local", "channel")
    }
    callers = {attempt["attempt_id"]: attempt["uniqueid"] for attempt in attempts}
    values = {callers[row["attempt_id"]]: row["value"] for row in daemon.rows("answers")}
    assert values == keys
    assert len(daemon.rows("answers")) == MANY
    nobody_is_left(rig)
