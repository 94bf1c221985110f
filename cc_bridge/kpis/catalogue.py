"""What each number means: one catalogue of names, words, formulas, units and sources. Pure.

`metrics/` takes the HELP of its KPIs from here (`help_text`), `config/docs/kpis.md` is generated from it.

The trap: a formula is read by people and run by the tests. Where code computes the number, the names in
its formula are the code's own: the fields of VisitCounts, or the instants of a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.service_level import DEFAULT, ServiceLevelDefinition, VisitCounts, from_counts
from cc_bridge.kpis.units import Unit

__all__ = ["KPIS", "Kpi", "help_text", "page"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number. A formula in `%` gives a share of 1, which is shown times 100."""

    name: str
    words: str
    formula: str
    unit: str
    source: str  # events of the PBX, then what is stored, as table.column
    metric: str = ""  # the metric of Prometheus that carries it, if one does
    used_by: str = ""  # who else counts like this


KPIS: Mapping[str, tuple[Kpi, ...]] = {
    "Calls": (
        Kpi(
            "calls",
            "Calls that ended, by direction (in, out, internal) and whether anybody answered; those without a"
            " queue only if direct_calls.enabled",
            "number of calls with the direction and the answer",
            "calls",
            "Newchannel of the first to Hangup of the last channel; calls.direction, calls.answered",
            "cc_bridge_calls_total",
        ),
        Kpi(
            "call_wait",
            "Time of a call in its queues until the first answer; a caller who went on to a second queue has"
            " waited in both",
            "sum of the waits before the first answer",
            "seconds",
            "calls.wait_seconds",
        ),
        Kpi(
            "call_share",
            "What part of the talking of a call each agent did",
            "talk of the agent / sum of the talks of the call",
            "%",
            "talks.call_id, talks.agent, talks.talk_seconds, calls.talk_seconds",
        ),
    ),
    "Visits": (
        Kpi(
            "visit_outcomes",
            "Stays of callers in queues that ended, by how they ended; the outcomes add up to all visits",
            "number of visits with the outcome",
            "visits",
            "QueueCallerLeave with AgentConnect, HangupRequest, Hangup, QUEUESTATUS; queue_visits.outcome",
            "cc_bridge_visits_total",
        ),
        Kpi(
            "short_abandons",
            "Callers who hung up before the queue's short_abandon_seconds; they are also in abandoned",
            "number of abandoned visits with wait < short_abandon_seconds",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_short_abandons_total",
        ),
        Kpi(
            "answered_within",
            "Callers answered within the T of their queue's service level",
            "number of answered visits with wait <= T",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_answered_within_total",
        ),
        Kpi(
            "abandoned_within",
            "Callers who hung up within the T of their queue's service level; they are also in abandoned",
            "number of abandoned visits with wait <= T",
            "visits",
            "queue_visits.outcome, queue_visits.wait_seconds",
            "cc_bridge_abandoned_within_total",
        ),
        Kpi(
            "abandonment",
            "Share of the offered callers who hung up while they waited, short abandons left out",
            "(abandoned - short_abandons)"
            " / (answered + abandoned + timed_out + left_by_key - short_abandons)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
        ),
    ),
    "Times": (
        Kpi(
            "wait",
            "Time in the queue, from joining to leaving it, whatever the outcome",
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
            "Time of one attempt to reach one agent, answered or not",
            "ended_at - started_at",
            "seconds",
            "AgentCalled to the first DialEnd, else Hangup; rings.ring_seconds",
        ),
        Kpi(
            "ring_outcomes",
            "Attempts to reach an agent that ended, by how they ended",
            "number of rings with the outcome",
            "rings",
            "DialEnd, AgentDump, cause of the Hangup; rings.outcome",
            "cc_bridge_ring_attempts_total",
        ),
        Kpi(
            "talk",
            "Time of one agent with one caller, hold included; the survey and music after it are not",
            "ended_at - answered_at",
            "seconds",
            "BridgeEnter of the second to BridgeLeave of the first, AttendedTransfer; talks.talk_seconds",
            "cc_bridge_talk_seconds",
        ),
        Kpi(
            "hold",
            "Time in which the caller was on hold in a talk, consultations included; part of the talk",
            "sum of unheld - held",
            "seconds",
            "Hold to Unhold, BridgeEnter of the agent elsewhere to the return; talks.hold_seconds",
            "cc_bridge_hold_seconds_total",
        ),
        Kpi(
            "talk_ends",
            "Talks that ended, by who ended them",
            "number of talks with the ending",
            "talks",
            "HangupRequest, SoftHangupRequest, BlindTransfer, AttendedTransfer; talks.ended_by",
            "cc_bridge_talks_ended_total",
        ),
        Kpi(
            "wrap_up",
            "Time from the end of a talk until the agent is available, the queue's wrapuptime or longer",
            "available_at - ended_at",
            "seconds",
            "QueueMemberStatus, QueueMemberPause; talks.ended_at",
        ),
        Kpi(
            "handle",
            "Time that one talk keeps its agent, the wrap-up being the member's wrapuptime, else the queue's",
            "talk + wrap_up",
            "seconds",
            "QueueMemberStatus, the configuration; talks.talk_seconds",
            "cc_bridge_handle_seconds",
        ),
        Kpi(
            "agent_talks",
            "Talks that ended and were seen whole, by agent",
            "number of talks of the agent",
            "talks",
            "talks.queue, talks.agent",
            "cc_bridge_agent_talks_total",
        ),
        Kpi(
            "agent_handle",
            "Time that the talks of an agent took, those that were seen whole",
            "sum of talk + wrap_up",
            "seconds",
            "talks.agent, talks.talk_seconds",
            "cc_bridge_agent_handle_seconds_total",
        ),
        Kpi(
            "occupancy",
            "Share of the logged-in time without pauses in which the agent worked",
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
            used_by="NethVoice, Genesys with all switches on",
        ),
        Kpi(
            "service_level_no_short",
            "Share of the offered visits that were answered within T, short abandons left out",
            "answered_within / (answered + abandoned + timed_out + left_by_key - short_abandons)",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
            used_by="Talkdesk's contacts, Genesys without short abandons",
        ),
        Kpi(
            "service_level_strict",
            "Share of all visits, whatever their outcome, that were answered within T",
            "answered_within / visits",
            "%",
            "queue_visits.outcome, queue_visits.wait_seconds",
        ),
    ),
    "Survey": (
        Kpi(
            "survey_eligible",
            "Callers who could have been asked, asked or not; not those of queues without a survey, nor those"
            " whose call was none to be rated",
            "number of callers with a stage other than disabled and not_eligible, call-backs left out",
            "callers",
            "FastAGI; survey_decisions.stage, survey_decisions.trigger",
            "cc_bridge_survey_eligible_total",
        ),
        Kpi(
            "survey_stages",
            "Callers who reached a stage: invited or the reason why not, caller_left_first, started,"
            " answered, invalid, no_input, skipped, not_recorded, opted_out, hung_up, complete, partial,"
            " declined",
            "number of times the stage was reached",
            "surveys",
            "FastAGI; survey_decisions.stage, survey_attempts.result, survey_attempts.reason",
            "cc_bridge_survey_stages_total",
        ),
        Kpi(
            "response_rate",
            "Share of the callers who could be asked, asked or not, of whom there is a valid answer",
            "answered / eligible",
            "%",
            "FastAGI; survey_decisions.stage, answers.attempt_id",
        ),
        Kpi(
            "left_first",
            "Share of the callers who would be asked that hung up while the agent was still in the talk; of"
            " an agent, to be read beside the share of the queue's other agents",
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
            "What agent or supervisor counts as solved or in time, less what the callers confirm",
            "claimed talks / talks - confirmed answers / all answers",
            "%",
            "talks.answered_at, queue_visits.wait_seconds, answers.value",
        ),
        Kpi(
            "delivery_gap_in_time",
            "The delivery gap of promptness: what we count as answered in time, less the share of satisfied"
            " callers of the same queue and span, with the n of both",
            "service_level_no_short - csat",
            "%",
            "queue_visits.wait_seconds, queue_visits.outcome, answers.value",
        ),
    ),
    "Follow-up": (
        Kpi(
            "recall",
            "Share of the lost calls with an answered call to or from the same number within the window, 24 h"
            " unless set; lost is abandoned, timed_out, left_by_key, queue_full, empty or unavailable",
            "lost calls recalled / lost calls",
            "%",
            "queue_visits.caller_key, queue_visits.outcome, queue_visits.left_at, calls.caller_key,"
            " talks.answered_at",
        ),
        Kpi(
            "repeat",
            "Share of the visits whose number comes again to the same queues, for 24 h and for 7 days;"
            " not when back within 60 s, nor for withheld and shared numbers",
            "visits followed by another / visits",
            "%",
            "queue_visits.caller_key, queue_visits.queue, queue_visits.entered_at, calls.ended_at",
        ),
    ),
    "Observation": (
        Kpi(
            "gap",
            "Time in which the PBX was not observed, by reason; figures of that time are incomplete",
            "ended_at - started_at",
            "seconds",
            "last sight of the PBX to the next good login; gaps.started_at, gaps.ended_at",
            "cc_bridge_observation_gap_seconds_total",
        ),
    ),
}

_BY_NAME = {kpi.name: kpi for kpis in KPIS.values() for kpi in kpis}


def help_text(name: str) -> str:
    """Return words, formula and unit in one line, such as for the HELP of a metric."""
    kpi = _BY_NAME[name]
    return f"{kpi.words}: {kpi.formula} ({kpi.unit})."


_INTRO = """\
# KPI definitions

Generated from the code by `python tests/support/generate.py`: change the words there. Instants are the PBX's
own, in UTC, and durations come from them to the microsecond. A % is its formula times 100. A definition
stands here even where nothing shows it yet; the column `metric` says what Prometheus gets. Raw facts are
stored, so that each number can be computed for past days too: a source names events of the PBX, then
table.column."""

_SERVICE_LEVEL = f"""\
T is the queue's `service_level_seconds`. Within T is wait <= T; a short abandon is wait < the queue's
`short_abandon_seconds`. No calls is no data, not 100 %. `{DEFAULT}` is the one that is meant where none is
named. Example day: 100 visits, 80 answered (70 of them within T), 20 abandoned (8 short, 4 more within T)."""

_SURVEY = """\
n is the number of answers (of callers, for `response_rate` and `left_first`), `answers[4]` how many gave a 4.
Every score is shown with n and a 95 % interval: Wilson's for shares, Student's t for means, that of the
variance with three answers added for NPS. With fewer than 15 answers it is shown as "too few" and never
ranked; no answers is no data, not 0 %."""

_EXAMPLE_DAY = VisitCounts(100, 80, 70, 20, 12, short_abandons=8)


def page() -> str:
    """Return the catalogue as Markdown."""
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
    for definition in ServiceLevelDefinition:
        share = from_counts(_EXAMPLE_DAY, definition)
        percent = f"{share.percent:.1f} %" if share else "no data"
        yield _code(definition), _BY_NAME[f"service_level_{definition}"].used_by, percent


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
