"""The view v_calls_by_hour: visits and talks of each queue by the hour.

Visits and talks are counted separately, by hour and outcome, before they are combined. So only few rows are
combined. The hour is first in each GROUP BY, because PostgreSQL reads the rows in the order of an index by
hour.
"""

from sqlalchemy import Column, MetaData, Table

from cc_bridge.storage.views.view import View, count, instant, pbx, seconds, sum_of, text

__all__ = ["CALLS_BY_HOUR"]

_OFFERED = "'answered', 'abandoned', 'timed_out', 'left_by_key'"
_OTHER_LOST = (
    "'timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', "
    "'leave_unavailable'"
)
_LIMITS = (10, 20, 30, 60)  # seconds of wait within which answered visits are counted
_IN_TIME = ", ".join(
    f"COUNT(CASE WHEN wait_seconds <= {limit} THEN 1 END) AS in_{limit}" for limit in _LIMITS
)


def _mean(name: str, comment: str, condition: str) -> Column[float]:
    total, n = (f"SUM(CASE WHEN {condition} THEN {each} END)" for each in ("seconds", "n"))
    return seconds(name, f"{comment}; null without any", f"{total} / {n}")


CALLS_BY_HOUR = View(
    Table(
        "v_calls_by_hour",
        MetaData(),
        pbx(),
        text("queue", 128, "Queue"),
        instant("hour", "Start of the hour"),
        count(
            "visits",
            "Visits that started in the hour; the sum of all outcomes; partial visits are not counted",
            "fact = 'visit'",
        ),
        count(
            "offered",
            "Visits with the outcome answered, abandoned, timed_out or left_by_key",
            f"fact = 'visit' AND outcome IN ({_OFFERED})",
        ),
        count("answered", "Visits that an agent answered", "fact = 'visit' AND outcome = 'answered'"),
        count(
            "abandoned",
            "Visits in which the caller hung up while waiting",
            "fact = 'visit' AND outcome = 'abandoned'",
        ),
        count(
            "other_lost",
            "Visits lost in another way: timed_out, left_by_key, queue_full, *_empty, *_unavailable",
            f"fact = 'visit' AND outcome IN ({_OTHER_LOST})",
        ),
        count(
            "transferred_away",
            "Visits from which a person or program redirected the caller",
            "fact = 'visit' AND outcome = 'transferred_away'",
        ),
        count("unobserved", "Visits whose end was not observed", "fact = 'visit' AND outcome = 'unobserved'"),
        *(
            count(
                f"answered_in_{limit}",
                f"Visits answered after a wait of up to {limit} s",
                "fact = 'visit' AND outcome = 'answered'",
                f"in_{limit}",
            )
            for limit in _LIMITS
        ),
        count(
            "abandoned_under_5",
            "Visits abandoned after a wait of less than 5 s; they are included in abandoned",
            "fact = 'visit' AND outcome = 'abandoned'",
            "under_5",
        ),
        sum_of("wait_seconds", "Sum of the wait time of all visits", "seconds", "fact = 'visit'"),
        _mean("mean_wait_seconds", "Mean wait time of all visits", "fact = 'visit'"),
        _mean("mean_answer_seconds", "Average speed of answer: the mean wait time of answered visits",
              "fact = 'visit' AND outcome = 'answered'"),
        seconds("longest_wait_seconds", "Longest wait time of a visit; null without any",
                "MAX(CASE WHEN fact = 'visit' THEN longest END)"),
        count("talks", "Talks that started in the hour", "fact IN ('talk', 'partial')"),
        count("partial_talks", "Talks seen in part; their duration is in no sum or mean", "fact = 'partial'"),
        sum_of("talk_seconds", "Sum of talk time, hold included", "seconds", "fact = 'talk'"),
        _mean("mean_talk_seconds", "Mean talk time, hold included", "fact = 'talk'"),
        sum_of("hold_seconds", "Sum of hold time, included in talk_seconds", "hold_seconds", "fact = 'talk'"),
        count(
            "partial_visits",
            "Visits that started in the hour, during whose wait the PBX's clock was set; in no other column",
            "fact = 'partial visit'",
        ),
        comment="Visits and talks of each queue by hour; each counts in the hour of its start",
    ),
    key=("pbx", "queue", "hour"),
    rows=f"""\
FROM (
    SELECT pbx, queue, {{hour[entered_at]}} AS hour,
        CASE WHEN partial THEN 'partial visit' ELSE 'visit' END AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        {_IN_TIME},
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, fact, outcome
    UNION ALL
    SELECT pbx, queue, {{hour[answered_at]}} AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, {"0, " * len(_LIMITS)}0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx""",  # noqa: S608 - no outside values
)  # fmt: skip
