"""The KPI catalogue: the name, meaning, formula, unit and source of each KPI. Pure.

The HELP texts of metrics (`help_text`) and the page `config/docs/kpis.md` are made from the catalogue.

Note: people read the formulas, and tests evaluate them. So the formula of a KPI that is computed in Python
uses names of the Python code: the fields of VisitCounts, or the time fields of a record class.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.service_level import DEFAULT, ServiceLevelDefinition, VisitCounts, from_counts
from cc_bridge.kpis.units import Unit

__all__ = ["KPIS", "Kpi", "help_text", "page"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """The definition of one KPI.

    If the unit is `%`, the formula gives a fraction, and the fraction is shown times 100.
    """

    name: str
    words: str  # the meaning, in words
    formula: str
    unit: str
    source: str  # the PBX's events, then the stored columns, as table.column
    metric: str = ""  # the Prometheus metric with this KPI; empty: none
    used_by: str = ""  # other products with the same definition


KPIS: Mapping[str, tuple[Kpi, ...]] = {
    "Calls": (
        Kpi(
            "calls",
            "Calls that ended, by direction (in, out, internal) and by whether they were answered; calls"
            " without a queue are counted only with direct_calls.enabled",
            "number of calls with the direction and the answer",
            "calls",
            "Newchannel of the first to Hangup of the last channel; calls.direction, calls.answered",
            "cc_bridge_calls_total",
        ),
        Kpi(
            "call_wait",
            "Time of a call in its queues until the first answer; the wait times of several queues are added",
            "sum of the waits before the first answer",
            "seconds",
            "calls.wait_seconds",
        ),
        Kpi(
            "call_share",
            "Share of the talk time of a call that each agent had",
            "talk of the agent / sum of the talks of the call",
            "%",
            "talks.call_id, talks.agent, talks.talk_seconds, calls.talk_seconds",
        ),
    ),
    "Visits": (
        Kpi(
            "visit_outcomes",
            "Visits (stays of callers in queues) that ended, by outcome; the outcomes add up to all visits;"
            " partial visits are not counted",
            "number of visits with the outcome",
            "visits",
            "QueueCallerLeave with AgentConnect, HangupRequest, Hangup, QUEUESTATUS; queue_visits.outcome",
            "cc_bridge_visits_total",
        ),
        Kpi(
            "partial_visits",
            "Partial visits: the PBX's clock was set during the wait; they are in no other number of visits,"
            " no wait and no share",
            "number of visits with partial = true",
            "visits",
            "answers to pings, the order of the events; queue_visits.partial",
            "cc_bridge_partial_visits_total",
        ),
        Kpi(
            "short_abandons",
            "Visits abandoned before the queue's short_abandon_seconds; they also count as abandoned",
            "number of abandoned visits with wait < short_abandon_seconds",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_short_abandons_total",
        ),
        Kpi(
            "answered_within",
            "Visits answered within T, the queue's service_level_seconds",
            "number of answered visits with wait <= T",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_answered_within_total",
        ),
        Kpi(
            "abandoned_within",
            "Visits abandoned within T, the queue's service_level_seconds; they also count as abandoned",
            "number of abandoned visits with wait <= T",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_abandoned_within_total",
        ),
        Kpi(
            "abandonment",
            "Share of the offered callers who hung up while they waited, without short abandons",
            "(abandoned - short_abandons)"
            " / (answered + abandoned + timed_out + left_by_key - short_abandons)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
        ),
    ),
    "Times": (
        Kpi(
            "wait",
            "Time in the queue, from joining to leaving it, for every outcome",
            "left_at - entered_at",
            "seconds",
            "QueueCallerJoin to QueueCallerLeave; queue_visits.wait_seconds",
            "cc_bridge_queue_wait_seconds",
        ),
        Kpi(
            "average_speed_of_answer",
            "Mean wait of the answered visits",
            "sum of the waits of answered visits / answered",
            "seconds",
            "queue_visits.wait_seconds, queue_visits.outcome",
        ),
        Kpi(
            "longest_wait",
            "Longest wait of all visits, answered or not",
            "largest wait",
            "seconds",
            "queue_visits.wait_seconds",
        ),
        Kpi(
            "ring",
            "Time of one ring attempt at one agent's phone, answered or not",
            "ended_at - started_at",
            "seconds",
            "AgentCalled to the first DialEnd, else Hangup; rings.ring_seconds",
        ),
        Kpi(
            "ring_outcomes",
            "Ring attempts at an agent's phone that ended, by outcome; the outcomes add up to all attempts",
            "number of rings with the outcome",
            "rings",
            "DialEnd, Pickup, AgentDump, cause of the Hangup; rings.outcome",
            "cc_bridge_ring_attempts_total",
        ),
        Kpi(
            "rings_missed",
            "Ring attempts that the agent rejected or did not answer; a phone that was busy or forwarded the"
            " call is not counted",
            "rings[no_answer] + rings[declined]",
            "rings",
            "rings.outcome",
        ),
        Kpi(
            "talk",
            "Talk time of one agent with one caller, with hold, without survey and music after the talk",
            "ended_at - answered_at",
            "seconds",
            "BridgeEnter of the second to BridgeLeave of the first, AttendedTransfer; talks.talk_seconds",
            "cc_bridge_talk_seconds",
        ),
        Kpi(
            "hold",
            "Time in which the caller was on hold in a talk, consultations included; part of the talk time",
            "sum of unheld - held",
            "seconds",
            "Hold to Unhold, BridgeEnter of the agent elsewhere to the return; talks.hold_seconds",
            "cc_bridge_hold_seconds_total",
        ),
        Kpi(
            "talk_ends",
            "Talks that ended, by what ended them: caller, agent, transfer, system or unobserved",
            "number of talks with the ending",
            "talks",
            "HangupRequest, SoftHangupRequest, BlindTransfer, AttendedTransfer; talks.ended_by",
            "cc_bridge_talks_ended_total",
        ),
        Kpi(
            "wrap_up",
            "Time from the end of a talk until the agent is available: the queue's wrapuptime or longer",
            "available_at - ended_at",
            "seconds",
            "QueueMemberStatus, QueueMemberPause; talks.ended_at",
        ),
        Kpi(
            "handle",
            "Handling time of one talk; wrap_up is the wrapuptime of the queue member, else of the queue",
            "talk + wrap_up",
            "seconds",
            "QueueMemberStatus, the configuration; talks.talk_seconds",
            "cc_bridge_handle_seconds",
        ),
        Kpi(
            "agent_talks",
            "Talks that ended and were observed completely, by agent",
            "number of talks of the agent",
            "talks",
            "talks.queue, talks.agent",
            "cc_bridge_agent_talks_total",
        ),
        Kpi(
            "agent_handle",
            "Handling time of all talks of an agent that were observed completely",
            "sum of (talk + wrap_up)",
            "seconds",
            "talks.agent, talks.talk_seconds",
            "cc_bridge_agent_handle_seconds_total",
        ),
        Kpi(
            "occupancy",
            "Share of the logged-in time, without pauses, in which the agent talked or was in wrap-up",
            "(talk + wrap_up) / (talk + wrap_up + available)",
            "%",
            "QueueMemberStatus, QueueMemberPause, QueueMemberAdded, QueueMemberRemoved; talks.talk_seconds",
        ),
    ),
    "Service level": (
        Kpi(
            "service_level_answered",
            "Share of the answered visits that were answered within T",
            "answered_within / answered",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
            used_by="Asterisk's ServicelevelPerf, Wazo's qos",
        ),
        Kpi(
            "service_level_removed",
            "Share of the answered and abandoned visits that ended within T",
            "(answered_within + abandoned_within) / (answered + abandoned)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
            used_by="Asterisk's ServicelevelPerf2, Amazon Connect",
        ),
        Kpi(
            "service_level_offered",
            "Share of the answered and abandoned visits that were answered within T",
            "answered_within / (answered + abandoned)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
            used_by="NethVoice, Genesys with all options on",
        ),
        Kpi(
            "service_level_no_short",
            "Share of the offered visits that were answered within T, without short abandons",
            "answered_within / (answered + abandoned + timed_out + left_by_key - short_abandons)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
            used_by="Talkdesk's contacts, Genesys without short abandons",
        ),
        Kpi(
            "service_level_strict",
            "Share of all visits, with every outcome, that were answered within T",
            "answered_within / visits",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
        ),
    ),
    "Survey": (
        Kpi(
            "survey_eligible",
            "Callers eligible for a survey, invited or not; a caller is not eligible if the queue has no"
            " survey or if the call cannot be rated",
            "number of callers with a stage other than disabled and not_eligible, without callbacks",
            "callers",
            "FastAGI; survey_decisions.stage, survey_decisions.trigger",
            "cc_bridge_survey_eligible_total",
        ),
        Kpi(
            "survey_stages",
            "Callers who reached a stage: invited or the reason against it, caller_left_first, started,"
            " answered, invalid, no_input, skipped, not_recorded, not_stored, opted_out, hung_up, complete,"
            " partial, declined",
            "number of times the stage was reached",
            "surveys",
            "FastAGI; survey_decisions.stage, survey_attempts.result, survey_attempts.reason",
            "cc_bridge_survey_stages_total",
        ),
        Kpi(
            "not_routed",
            "Callers whose call the agent ended and whose dialplan did not request the survey of the queue;"
            " they are not among the eligible callers",
            "number of calls without a survey request, whose queue has a survey and whose last talk the agent"
            " ended",
            "callers",
            "AMI events, FastAGI; not_routed_calls.queue",
            "cc_bridge_not_routed_calls_total",
        ),
        Kpi(
            "response_rate",
            "Share of the eligible callers, invited or not, who gave a valid answer",
            "answered / eligible",
            "%",
            "FastAGI; survey_decisions.stage, answers.attempt_id",
        ),
        Kpi(
            "left_first",
            "Share of the callers to be invited to a survey who hung up before the agent did; compare the"
            " share of an agent with the share of the queue's other agents",
            "caller_left_first / (caller_left_first + invited)",
            "%",
            "HangupRequest, BridgeLeave; talks.ended_by, survey_decisions.stage, survey_decisions.queue, "
            "survey_decisions.agent",
            "cc_bridge_caller_hangup_first_ratio",
        ),
        Kpi(
            "ratings",
            "Valid answers of callers, by question and value",
            "number of answers with the value",
            "answers",
            "FastAGI; answers.question, answers.value",
            "cc_bridge_ratings_total",
        ),
        Kpi(
            "agent_ratings",
            "Valid answers of callers about an agent, by question and value",
            "number of answers about the agent with the value",
            "answers",
            "FastAGI; answers.agent, answers.question, answers.value",
            "cc_bridge_agent_ratings_total",
        ),
        *(
            Kpi(
                score.name,
                score.words,
                score.formula,
                "%" if score.unit is Unit.PERCENT else "points",
                "answers.kind, answers.value",
            )
            for score in SCORES.values()
        ),
        Kpi(
            "delivery_gap",
            "Share that agents or supervisors claim as solved or in time, minus the share that callers"
            " confirm",
            "claimed talks / talks - confirmed answers / all answers",
            "%",
            "talks.answered_at, queue_visits.wait_seconds, answers.value",
        ),
        Kpi(
            "delivery_gap_in_time",
            "Delivery gap of promptness: the share of visits answered in time, minus the share of satisfied"
            " callers of the same queue and time span, with both sample sizes",
            "service_level_no_short - csat",
            "%",
            "queue_visits.wait_seconds, queue_visits.outcome, answers.value",
        ),
    ),
    "Follow-up": (
        Kpi(
            "recall",
            "Share of the lost calls with an answered call to or from the same number within the window"
            " (default 24 h); a call is lost as abandoned, timed_out, left_by_key, queue_full, empty or"
            " unavailable",
            "lost calls recalled / lost calls",
            "%",
            "queue_visits.caller_key, queue_visits.outcome, queue_visits.left_at, calls.caller_key,"
            " talks.answered_at",
        ),
        Kpi(
            "repeat",
            "Share of the visits after which the same number calls the same queues again within 24 h, and"
            " within 7 days; without returns within 60 s and without withheld and shared numbers",
            "visits followed by another / visits",
            "%",
            "queue_visits.caller_key, queue_visits.queue, queue_visits.entered_at, calls.ended_at",
        ),
    ),
    "Observation": (
        Kpi(
            "gap",
            "Time in which the PBX was not observed, by reason; figures of this time are incomplete",
            "ended_at - started_at",
            "seconds",
            "last sign of the PBX to the next successful login; gaps.started_at, gaps.ended_at",
            "cc_bridge_observation_gap_seconds_total",
        ),
    ),
}

_BY_NAME = {kpi.name: kpi for kpis in KPIS.values() for kpi in kpis}


def help_text(name: str) -> str:
    """Return the meaning, formula and unit of a KPI in one line; KeyError for an unknown name."""
    kpi = _BY_NAME[name]
    return f"{kpi.words}: {kpi.formula} ({kpi.unit})."


_INTRO = """\
# KPI definitions

`python tests/support/generate.py` generates this page from the code; change the texts there. All times are
times of the PBX in UTC. Durations are computed from them, to the microsecond. A KPI in % is its formula times
100. Some definitions are not shown by any report yet. The column `metric` names the Prometheus metric, if
there is one. The database keeps the raw facts, so each KPI can be computed for past days too. The column
`source` names the PBX's events first, then the stored columns as table.column."""

_SERVICE_LEVEL = f"""\
T is the queue's `service_level_seconds`. A visit is within T if its wait is at most T. An abandoned visit is
a short abandon if its wait is less than the queue's `short_abandon_seconds`. Without calls there is no value,
not 100 %. The default definition is `{DEFAULT}`. The example day has 100 visits: 80 answered (70 of them
within T) and 20 abandoned (8 short abandons and 4 more within T)."""

_SURVEY = """\
n is the number of answers; for `response_rate` and `left_first` it is the number of callers. `answers[4]` is
the number of answers with the value 4. Every score is shown with n and a 95 % interval: Wilson's interval for
shares, Student's t for means, and for NPS the interval of its variance with three answers added. A score of
fewer than 15 answers is shown as "too few" and never ranked. Without answers there is no score, not 0 %."""

_EXAMPLE_DAY = VisitCounts(100, 80, 70, 20, 12, short_abandons=8)


def page() -> str:
    """Return the page `config/docs/kpis.md`: the catalogue as Markdown tables."""
    parts = [_INTRO]
    for heading, kpis in KPIS.items():
        parts.append(f"## {heading}")
        parts.append(
            _table(
                ("name", "meaning", "formula", "unit", "source", "metric"),
                ((_code(m.name), m.words, _code(m.formula), m.unit, m.source, _code(m.metric)) for m in kpis),
            )
        )
        if heading == "Survey":
            parts.append(_SURVEY)
        if heading == "Service level":
            parts.append(_SERVICE_LEVEL)
            parts.append(_table(("definition", "also used by", "example day"), _examples()))
    return "\n\n".join(parts) + "\n"


def _examples() -> Iterable[tuple[str, ...]]:
    """Yield one table row for each definition of the service level.

    A row has three texts: the definition's name, the names of other products that use the same definition,
    and the service level that it gives for the example day described on the page.
    """
    for definition in ServiceLevelDefinition:
        share = from_counts(_EXAMPLE_DAY, definition)
        percent = f"{share.percent:.1f} %" if share else "no data"
        yield _code(definition), _BY_NAME[f"service_level_{definition}"].used_by, percent


def _code(text: str) -> str:
    """Return a text as Markdown code; an empty text stays empty."""
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table with a header row."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
