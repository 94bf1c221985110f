"""Webhook events without I/O: their content, their signature, and the times of retries."""

import base64
import hashlib
import hmac
import json
import random
from dataclasses import replace
from email.utils import formatdate

import pytest

from cc_bridge.config import WebhookConfig
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpState
from cc_bridge.records import Answer, Call, Direction, SurveyAttempt, SurveyResult, Trigger
from cc_bridge.webhooks import events as module
from cc_bridge.webhooks.events import EventType, Subscription, WebhookEvents
from cc_bridge.webhooks.retry_policy import (
    AT_ONCE,
    DeliveryOutcome,
    ReceiverHealth,
    RetryPolicy,
    WebhookReply,
    retry_after,
    verdict,
)
from cc_bridge.webhooks.signing import headers, keys_of
from support.records import POISON, visit

T = 1_795_309_819.123456
CALL = Call("main", "c1", "c1", Direction.IN, T - 60, T, "+982112345678", "مریم \ud83d", "300", "fa", "sales",
            answered=True, queues=1, talks=1, wait_seconds=7.5, talk_seconds=40.0, partial=False)  # fmt: skip
STARTED = SurveyAttempt("main", "a1", "c1", "c1", "sales", "Zahra", "PJSIP/201", "csat", 3, "fa", T - 20,
                        None, SurveyResult.STARTED, "")  # fmt: skip
ENDED = replace(STARTED, ended_at=T - 1, result=SurveyResult.COMPLETE)
ANSWER = Answer("main", "a1", "agent", "csat", 2, 1, T - 5, "sales", "Zahra", "PJSIP/201")
ALL = frozenset(EventType)
LOW = {"csat": 2, "nps": 6}


CRM = (Subscription("crm", ALL, LOW),)


def publish(*records, wishes=CRM):
    events = WebhookEvents(wishes)
    return [(receiver, event) for record in records for receiver, event in events.of(record)]


def bodies(*records):
    return [json.loads(event.body) for _, event in publish(*records)]


# Content


def test_a_call_with_a_survey_is_told_in_its_order():
    found = publish(STARTED, ANSWER, ENDED, CALL)
    assert [event.type for _, event in found] == [
        "rating_given", "low_rating", "survey_completed", "call_ended",
    ]  # fmt: skip
    assert {event.call_id for _, event in found} == {"c1"}
    assert len({event.id for _, event in found}) == 4


def test_the_body_says_the_record_in_its_own_words():
    (body,) = bodies(CALL)
    assert body["type"] == "call_ended"
    assert (body["pbx"], body["timestamp"]) == ("main", "2026-11-22T01:10:19.123Z")
    assert body["id"].startswith("evt_")
    assert "." not in body["id"]  # a dot is the separator of the signed text
    assert body["data"] == {
        "call_id": "c1", "uniqueid": "c1", "direction": "in", "started_at": "2026-11-22T01:09:19.123Z",
        "ended_at": "2026-11-22T01:10:19.123Z", "caller_number": "+982112345678",
        "caller_name": "مریم \ud83d", "dialed": "300", "language": "fa", "queue": "sales",
        "answered": True, "queues": 1, "talks": 1, "wait_seconds": 7.5, "talk_seconds": 40.0,
        "partial": False, "caller_key": "", "call_seconds": 60.0,
    }  # fmt: skip
    _, low, completed = bodies(STARTED, ANSWER, ENDED)
    assert (low["data"]["value"], low["data"]["call_id"], low["data"]["survey"]) == (2, "c1", "csat")
    assert low["timestamp"] == "2026-11-22T01:10:14.123Z"
    assert (completed["data"]["result"], completed["data"]["trigger"]) == ("complete", Trigger.QUEUE)


def test_a_follow_up_is_told_as_it_is_and_each_news_of_it_once():
    opened = FollowUp("3fa94c01bb4f9a2e", "main", "low_rating", "982112345678", "+982112345678", "sales",
                      "Zahra", "c1", "csat=1", "sara", T, T + 60)  # fmt: skip
    closed = replace(opened, state=FollowUpState.DONE, closed_by="ali", closed_at=T + 30, outcome="x" * 1000)
    events = WebhookEvents(
        (Subscription("crm", ALL, {}), Subscription("calls", frozenset({EventType.CALL_ENDED}), {}))
    )
    found = [
        next(events.of_follow_up(opened, EventType.FOLLOW_UP_OPENED)),
        next(events.of_follow_up(closed, EventType.FOLLOW_UP_CLOSED)),
        next(events.of_follow_up(closed, EventType.FOLLOW_UP_OPENED)),
    ]
    assert [(receiver, event.call_id) for receiver, event in found] == [("crm", "c1")] * 3
    first, second, late = (event for _, event in found)
    assert first.id == late.id != second.id
    assert json.loads(first.body) == {
        "id": first.id, "type": "follow_up_opened", "timestamp": "2026-11-22T01:10:19.123Z", "pbx": "main",
        "data": {
            "follow_up_id": "3fa94c01bb4f9a2e", "reason": "low_rating", "caller_key": "982112345678",
            "number": "+982112345678", "queue": "sales", "agent": "Zahra", "call_id": "c1",
            "detail": "csat=1", "owner": "sara", "opened_at": "2026-11-22T01:10:19.123Z",
            "due_at": "2026-11-22T01:11:19.123Z", "state": "open", "taken_by": "", "taken_at": None,
            "closed_by": "", "closed_at": None, "outcome": "", "linked_call_id": "", "linked_at": None,
            "linked_pbx": "",
        },
    }  # fmt: skip
    told_closed = json.loads(second.body)
    assert (told_closed["type"], told_closed["timestamp"]) == ("follow_up_closed", "2026-11-22T01:10:49.123Z")
    assert (told_closed["data"]["state"], told_closed["data"]["outcome"]) == ("done", "x" * 1000)


def test_the_same_record_is_the_same_event_and_another_is_another():
    ((_, first),) = publish(CALL)
    ((_, again),) = publish(replace(CALL, talk_seconds=41.0))
    assert first.id == again.id
    others = [replace(CALL, call_id="c2"), replace(CALL, pbx="other"), ENDED]
    assert len({first.id, *(event.id for other in others for _, event in publish(other))}) == 4


@pytest.mark.parametrize(
    ("kind", "value", "low"),
    [("csat", 2, True), ("csat", 3, False), ("nps", 6, True), ("nps", 7, False), ("comment", 1, False)],
)
def test_a_low_rating_is_low_on_its_own_scale(kind, value, low):
    types = [body["type"] for body in bodies(STARTED, replace(ANSWER, kind=kind, value=value))]
    assert types == ["rating_given", "low_rating"][: 1 + low]


def test_each_receiver_gets_what_it_wants():
    wishes = (
        Subscription("crm", frozenset({EventType.CALL_ENDED}), LOW),
        Subscription("alarm", frozenset({EventType.LOW_RATING}), {"csat": 1}),
        Subscription("all", ALL, {}),
    )
    found = [
        (name, event.type) for name, event in publish(STARTED, replace(ANSWER, value=1), CALL, wishes=wishes)
    ]
    assert found == [
        ("all", "rating_given"), ("alarm", "low_rating"), ("crm", "call_ended"), ("all", "call_ended"),
    ]  # fmt: skip


def test_other_records_and_unfinished_surveys_are_not_told():
    for result in (SurveyResult.PARTIAL, SurveyResult.DECLINED):
        assert publish(visit(1), STARTED, replace(ENDED, result=result)) == []


def test_an_answer_of_an_unknown_attempt_keeps_its_attempts_order(monkeypatch):
    ((_, event), _low) = publish(ANSWER)
    assert event.call_id == "a1"
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    starts = [replace(STARTED, attempt_id=f"a{n}", call_id=f"c{n}") for n in (1, 2, 3)]
    found = publish(
        *starts, replace(ANSWER, attempt_id="a1", value=5), replace(ANSWER, attempt_id="a3", value=5)
    )
    assert [event.call_id for _, event in found] == ["a1", "c3"]


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        publish(replace(CALL, talk_seconds=float("nan")))
    with pytest.raises((ValueError, OverflowError)):
        publish(replace(CALL, ended_at=1e12))
    assert POISON  # rejected records are tested too


def test_long_texts_are_cut():
    (body,) = bodies(replace(CALL, caller_name="x" * 10_000))
    assert len(body["data"]["caller_name"]) == 255


def test_the_configuration_names_the_events_that_there_are():
    assert WebhookConfig(name="crm", url="https://a/").events == [str(kind) for kind in EventType]


# Signature

SECRET = "whsec_" + base64.b64encode(b"a key of the house, 32 bytes ...").decode()


def test_the_signature_is_that_of_standard_webhooks():
    """The expected values are the example of the specification's reference code."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    got = headers(keys_of(key), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert got == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_both_sign():
    other = "whsec_" + base64.b64encode(bytes(24)).decode()
    got = headers(keys_of(f"{SECRET} {other}"), "evt_1", 5, b"{}")["webhook-signature"].split(" ")
    for key, signature in zip((SECRET, other), got, strict=True):
        raw = base64.b64decode(key.removeprefix("whsec_"))
        digest = hmac.new(raw, b"evt_1.5.{}", hashlib.sha256).digest()
        assert signature == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("secret", ["", "  ", "hush", "whsec_", "whsec_????", "whsec_c2hvcnQ=", SECRET[6:]])
def test_a_secret_of_another_form_is_refused_without_being_told(secret):
    with pytest.raises(ValueError, match=r"must be whsec_|is required") as error:
        keys_of(secret)
    assert "c2hv" not in str(error.value)


# Retries

RULES = RetryPolicy(first_pause=5, longest_pause=60, max_attempts=10, max_age_seconds=1000)
FAILED, TAKEN = WebhookReply(500, "answered 500"), WebhookReply(204, "")


def test_pauses_grow_with_jitter_up_to_the_longest():
    assert [RULES.pause(n, 1.0) for n in (1, 2, 3, 4, 5, 6, 10_000)] == [5, 10, 20, 40, 60, 60, 60]
    assert RULES.pause(3, 0.0) == 10
    chance = random.Random(1)
    assert len({RULES.pause(3, chance.random()) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("reply", "attempts", "age", "fate"),
    [
        (WebhookReply(200, ""), 1, 0, DeliveryOutcome.DELIVERED),
        (WebhookReply(299, ""), 99, 99_999, DeliveryOutcome.DELIVERED),
        (FAILED, 9, 999, DeliveryOutcome.AGAIN),
        (WebhookReply(404, ""), 1, 0, DeliveryOutcome.AGAIN),
        (WebhookReply(302, ""), 1, 0, DeliveryOutcome.AGAIN),
        (WebhookReply(None, "no answer"), 1, 0, DeliveryOutcome.AGAIN),
        (FAILED, 10, 0, DeliveryOutcome.DEAD),
        (FAILED, 1, 1000, DeliveryOutcome.DEAD),
        (WebhookReply(410, ""), 1, 0, DeliveryOutcome.DEAD),
    ],
)
def test_what_becomes_of_an_event(reply, attempts, age, fate):
    assert verdict(reply, attempts, age, RULES) is fate


def test_one_failure_holds_nobody_up_but_three_in_a_row_do():
    patience = ReceiverHealth()
    for _ in range(2):
        patience = patience.after(FAILED, 100, RULES, 1.0)
        assert patience.room(100, 1) == AT_ONCE - 1
    patience = patience.after(FAILED, 100, RULES, 1.0)
    assert patience.away
    assert patience.room(104.9, 0) == 0
    assert patience.room(105, 0) == 1  # one probe
    assert patience.room(105, 1) == 0
    patience = patience.after(FAILED, 105, RULES, 1.0)
    assert (patience.room(114.9, 0), patience.room(115, 0)) == (0, 1)
    patience = patience.after(TAKEN, 115, RULES, 1.0)
    assert patience == ReceiverHealth()


def test_a_receiver_that_asks_for_a_rest_gets_it():
    patience = ReceiverHealth().after(WebhookReply(429, "", retry_after=30), 100, RULES, 1.0)
    assert (patience.room(129, 0), patience.room(130, 0)) == (0, AT_ONCE)


def test_a_clock_that_is_put_back_holds_nobody_up():
    patience = ReceiverHealth().after(WebhookReply(503, "", retry_after=30), 10_000_000, RULES, 1.0)
    assert patience.room(100, 0) == AT_ONCE


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120), (formatdate(1_060, usegmt=True), 60), (formatdate(10, usegmt=True), 0), ("", 0),
        ("soon", 0), ("-5", 0), ("9" * 5_000, 0), ("99999999999", 86_400), ("1e9", 0), ("\u0663", 3),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_never_more_than_a_day(header, seconds):
    assert retry_after(header, 1_000) == seconds
