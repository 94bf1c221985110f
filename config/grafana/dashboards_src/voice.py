"""The voice-of-the-customer dashboard: scores, survey funnel, delivery gap and follow-ups."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from cc_bridge.kpis.catalogue import help_text
from cc_bridge.kpis.scores import MINIMUM
from cc_bridge.surveys.eligibility import NotAskedReason, SurveyStage
from dashboards_src.annotations import ANNOTATIONS
from dashboards_src.layout import board as framed, row
from dashboards_src.panels import (
    LIMITS,
    PERCENT,
    PLAIN,
    Column,
    Limits,
    bars,
    less_is_worse,
    lines,
    table,
    tile,
)
from dashboards_src.promql import PBX, QUEUE, RECORDED, Scored, increase, too_few
from dashboards_src.queries import prom
from dashboards_src.variables import DATASOURCE, JOB, PBX_OF_METRICS, QUEUE as QUEUES

_CSAT = less_is_worse(LIMITS.csat_warning / 100, LIMITS.csat_critical / 100)
_FEW = f'A score of fewer than {MINIMUM} is shown as "too few", and of none as "no data".'
_ABOUT_N = f"n: valid answers. {_FEW}"
_NOT_ELIGIBLE = {NotAskedReason.DISABLED, NotAskedReason.NOT_ELIGIBLE}
_NOT_ASKED = [
    *(reason for reason in NotAskedReason if reason not in _NOT_ELIGIBLE),
    SurveyStage.CALLER_LEFT_FIRST,
]
_REASONS = 'stage=~"' + "|".join(_NOT_ASKED) + '"'

_ELIGIBLE = increase("survey_eligible_total")


_LOW = 'kind="csat", value=~"1|2"'


def _stage(stages: str) -> str:
    """Return the query for the number of surveys that reached one of these stages; 0 if there is none."""
    labels = f'stage=~"{stages}"'
    return f"({increase('survey_stages_total', labels)} or 0 * {_ELIGIBLE})"


def _scored(title: str, unit: str, words: str, score: str, n: str, *, decimals: int = 1) -> object:
    return tile(
        title,
        unit,
        f"{help_text(words)} {_ABOUT_N}",
        prom(too_few(score, n), words, now=True),
        prom(n, "n", now=True),
        limits=_CSAT if words == "csat" else PLAIN,
        decimals=decimals,
    )


def _tiles() -> tuple[object, ...]:
    csat, nps, ces = Scored("csat"), Scored("nps"), Scored("ces")
    answered = f"clamp_max({_stage('complete|partial')} / ({_ELIGIBLE} > 0.5), 1)"
    return (
        _scored("CSAT", PERCENT, "csat", csat.csat(), csat.n),
        _scored("Mean satisfaction", "none", "csat_mean", csat.mean(5), csat.n, decimals=2),
        _scored("NPS", "none", "nps", nps.nps(), nps.n, decimals=0),
        _scored("CES", "none", "ces", ces.mean(7), ces.n, decimals=2),
        tile(
            "Response rate",
            PERCENT,
            f"{help_text('response_rate')} n: eligible callers. {_FEW}",
            prom(too_few(answered, _ELIGIBLE), "response", now=True),
            prom(_ELIGIBLE, "n", now=True),
            decimals=1,
        ),
        tile(
            "Low ratings",
            "short",
            "Answers 1 and 2 on the scale from 1 to 5. n: valid answers on that scale.",
            prom(f"({increase('ratings_total', _LOW)} or 0 * {csat.n})", "low", now=True),
            prom(csat.n, "n", now=True),
            decimals=0,
        ),
    )


def _by_queue() -> tuple[object, ...]:
    by = "pbx, queue"
    csat, nps, ces = Scored("csat", by), Scored("nps", by), Scored("ces", by)
    interval = f"From and to: 95 % confidence interval. {_ABOUT_N}"
    names = {"pbx": "PBX", "queue": "Queue"}

    def columns(heading: str, unit: str, limits: Limits = PLAIN) -> dict[str, Column]:
        return {
            "Value #A": Column(heading, unit, limits),
            "Value #B": Column("from", unit),
            "Value #C": Column("to", unit),
            "Value #D": Column("n"),
        }

    def scored(score: str, low: str, high: str, n: str) -> list[object]:
        shown = [too_few(each, n) for each in (score, low, high)]
        return [prom(each, now=True, form="table") for each in (*shown, n)]

    return (
        table(
            "CSAT by queue",
            f"{help_text('csat')} {interval}",
            columns("CSAT", PERCENT, _CSAT),
            *scored(csat.csat(), csat.csat_bound("-"), csat.csat_bound("+"), csat.n),
            names=names,
            span=8,
        ),
        table(
            "NPS by queue",
            f"{help_text('nps')} {interval}",
            columns("NPS", "none"),
            *scored(nps.nps(), nps.nps_bound("-"), nps.nps_bound("+"), nps.n),
            names=names,
            span=8,
        ),
        table(
            "CES by queue",
            f"{help_text('ces')} {interval}",
            columns("CES", "none"),
            *scored(ces.mean(7), ces.mean_bound("-", 7), ces.mean_bound("+", 7), ces.n),
            names=names,
            span=8,
        ),
    )


def _funnel() -> tuple[object, ...]:
    steps = ("invited", "started", "complete", "partial", "declined")
    stages = help_text("survey_stages")
    return (
        bars(
            "From eligible to complete",
            "short",
            f"{help_text('survey_eligible')} {stages}",
            prom(_ELIGIBLE, "eligible", now=True),
            *(prom(_stage(step), step, now=True) for step in steps),
        ),
        bars(
            "Reasons for no invitation",
            "short",
            "Eligible callers without an invitation, by reason. caller_left_first: the caller hung up before"
            f" the agent. {stages}",
            prom(f"{increase('survey_stages_total', _REASONS, 'stage')} > 0", "{{stage}}", now=True),
        ),
        bars(
            "Problems at questions",
            "short",
            f"hung_up is counted once per survey, the others once per attempt. {stages}",
            *(
                prom(_stage(stage), stage, now=True)
                for stage in ("invalid", "no_input", "skipped", "hung_up", "opted_out")
            ),
        ),
        lines(
            "Response rate by queue, last day",
            PERCENT,
            f"{help_text('response_rate')} Over the 24 hours before each point in time. {_FEW}",
            prom(
                too_few(
                    f"queue:cc_bridge_survey_response:ratio1d{{{RECORDED}}}",
                    f"queue:cc_bridge_survey_eligible:increase1d{{{RECORDED}}}",
                ),
                "{{pbx}} {{queue}}",
            ),
            span=8,
        ),
        lines(
            "Answered, but not routed to the survey, last hour",
            "short",
            f"{help_text('not_routed')} In the hour before each point in time.",
            prom(f"increase(cc_bridge_not_routed_calls_total{{{QUEUE}}}[1h])", "{{pbx}} {{queue}}"),
            span=8,
        ),
        lines(
            "Callers who hang up before the agent",
            PERCENT,
            help_text("left_first"),
            prom(f"cc_bridge_caller_hangup_first_ratio{{{QUEUE}}}", "{{pbx}} {{queue}}"),
            span=8,
        ),
    )


def _answers() -> tuple[object, ...]:
    return (
        lines(
            "CSAT by queue, last day",
            PERCENT,
            f"{help_text('csat')} Over the 24 hours before each point in time. {_ABOUT_N}",
            prom(
                too_few(
                    f"queue:cc_bridge_csat:ratio1d{{{RECORDED}}}",
                    f"queue:cc_bridge_csat_answers:increase1d{{{RECORDED}}}",
                ),
                "{{pbx}} {{queue}}",
            ),
        ),
        lines(
            "Answers on satisfaction by queue (n)",
            "short",
            "Valid answers from 1 to 5 over the 24 hours before each point in time: n of the previous panel.",
            prom(f"queue:cc_bridge_csat_answers:increase1d{{{RECORDED}}}", "{{pbx}} {{queue}}"),
        ),
        lines(
            "Low ratings by hour",
            "short",
            "Answers 1 and 2 on the scale from 1 to 5, by hour. The agents dashboard shows the rated agents.",
            prom(
                increase("ratings_total", _LOW, "pbx, queue", "1h"),
                "{{pbx}} {{queue}}",
            ),
            stacked=True,
            step="1h",
        ),
        bars(
            "Answers by question and value",
            "short",
            help_text("ratings"),
            prom(
                f"sort_desc({increase('ratings_total', by='question, value')} > 0)",
                "{{question}}: {{value}}",
                now=True,
            ),
            span=12,
        ),
    )


def _gap() -> tuple[object, ...]:
    answers = f"sum by (pbx, queue) (queue:cc_bridge_csat_answers:increase1d{{{RECORDED}}})"

    def of_day(record: str, more: str = "") -> str:
        return f"sum by (pbx, queue) (queue:cc_bridge_{record}1d{{{RECORDED}{more}}})"

    return (
        table(
            "Delivery gap by queue, last day",
            f"Service level less CSAT: {help_text('delivery_gap')} The service level uses no_short, confirmed"
            f" means 4 or 5. A high gap: calls are answered in time, but callers are dissatisfied. {_FEW}",
            {
                "Value #A": Column("Gap", PERCENT),
                "Value #B": Column("In time", PERCENT),
                "Value #C": Column("n offered"),
                "Value #D": Column("CSAT", PERCENT),
                "Value #E": Column("n answers"),
            },
            prom(too_few(of_day("delivery_gap:ratio"), answers), now=True, form="table"),
            prom(of_day("service_level:ratio", ', definition="no_short"'), now=True, form="table"),
            prom(of_day("offered:increase"), now=True, form="table"),
            prom(too_few(of_day("csat:ratio"), answers), now=True, form="table"),
            prom(answers, now=True, form="table"),
            names={"pbx": "PBX", "queue": "Queue"},
        ),
    )


def _follow_ups() -> tuple[object, ...]:
    def each_hour(metric: str, label: str) -> str:
        return f"sum by ({label}) (increase(cc_bridge_{metric}{{{PBX}}}[1h]))"

    no_owner = "The owner - means no owner. Empty unless follow_ups.enabled is set."
    return (
        lines(
            "Open follow-ups by owner",
            "short",
            f"Customers to be called back, taken or not. {no_owner}",
            prom(f"sum by (owner) (cc_bridge_follow_ups_open{{{PBX}}})", "{{owner}}"),
            stacked=True,
        ),
        lines(
            "Overdue follow-ups by owner",
            "short",
            f"Follow-ups past their due time. {no_owner}",
            prom(f"sum by (owner) (cc_bridge_follow_ups_overdue{{{PBX}}})", "{{owner}}"),
            stacked=True,
        ),
        lines(
            "Follow-ups opened by hour and reason",
            "short",
            "Follow-ups opened per hour: low rating, not solved, comment, repeated abandon, long wait.",
            prom(each_hour("follow_ups_opened_total", "reason"), "{{reason}}"),
            stacked=True,
            step="1h",
        ),
        lines(
            "Follow-ups closed by hour",
            "short",
            "Follow-ups closed per hour: done, or dismissed with a reason.",
            prom(each_hour("follow_up_close_seconds_count", "state"), "{{state}}"),
            stacked=True,
            step="1h",
        ),
    )


def board() -> Dashboard:
    """Return the dashboard of survey scores and of the survey funnel."""
    return framed(
        "voice",
        "cc_bridge: voice of the customer",
        "Answers of callers, each score with its sample size n. Scores of too few answers are not shown.",
        "now-7d",
        (DATASOURCE, JOB, PBX_OF_METRICS, QUEUES),
        (
            *_tiles(),
            row("Scores by queue"),
            *_by_queue(),
            row("Survey funnel"),
            *_funnel(),
            row("Answers"),
            *_answers(),
            row("Delivery gap"),
            *_gap(),
            row("Follow-ups"),
            *_follow_ups(),
        ),
        refresh="5m",
        annotations=ANNOTATIONS,
    )
