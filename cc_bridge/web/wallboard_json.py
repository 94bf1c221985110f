"""The wallboard as JSON: the fields of /api/live. Pure.

The names and meanings of the fields stay the same as long as the field `version` does. Instants are UTC
seconds since the epoch by the PBX's clock, durations are seconds, shares are per cent. The field `at` is the
instant of the figures. null means unknown or no data, never 0.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo

from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.scores import Score
from cc_bridge.kpis.service_level import Share
from cc_bridge.reports.render.localization import LANGUAGES, Language, score_labels
from cc_bridge.wallboard.board import Board, QueueFigures
from cc_bridge.wallboard.thresholds import Severity, Thresholds

__all__ = ["VERSION", "as_json"]

VERSION = 1
_DECIMALS = 3


def as_json(
    board: Board,
    levels: Thresholds,
    at: float,
    zone: tzinfo | None,
    titles: Callable[[str], Mapping[Language, str]] | None = None,
) -> dict[str, object]:
    """Return the whole wallboard as the fields of /api/live.

    `levels` are the warning and critical thresholds. `at` is the instant of the figures, in UTC seconds since
    the epoch. `zone` is the contact centre's time zone; None means this machine's time zone. `titles` returns
    a queue's title in each language; without `titles`, the title is the queue's name.
    """
    offset = datetime.fromtimestamp(at, zone).astimezone(zone).utcoffset()
    return {
        "version": VERSION,
        "pbx": board.pbx,
        "at": round(at, _DECIMALS),
        "utc_offset_seconds": int(offset.total_seconds()) if offset else 0,
        "observed": board.unobserved_since is None,
        "unobserved_since": _instant(board.unobserved_since),
        "today_began": board.today_began,
        "today_complete": board.complete,
        "thresholds": {
            name: {"warning": threshold.warning, "critical": threshold.critical}
            for name in Thresholds.__slots__
            for threshold in [getattr(levels, name)]
        },
        "total": _figures(board.total, levels, at),
        "queues": [
            {
                "queue": each.queue,
                "title": titles(each.queue) if titles else dict.fromkeys(LANGUAGES, each.queue),
                **_figures(each, levels, at),
            }
            for each in board.queues
        ],
        "agents": None
        if board.agents is None
        else [
            {
                "name": agent.name,
                "state": agent.state,
                "since": _instant(agent.since),
                "seconds": _since(agent.since, at),
            }
            for agent in board.agents
        ],
    }


def _figures(figures: QueueFigures, levels: Thresholds, at: float) -> dict[str, object]:
    counts, abandonment, service_level = figures.counts, figures.abandonment, figures.service_level
    longest, longest_whole = _since(figures.oldest_at, at), _since(figures.waiting_since, at)
    if figures.waiting == 0:
        longest = longest_whole = 0.0
    return {
        "waiting": figures.waiting,
        "longest_wait_seconds": longest,
        "longest_wait_since": _instant(figures.oldest_at),
        "longest_whole_wait_seconds": longest_whole,
        "longest_whole_wait_since": _instant(figures.waiting_since),
        "talking": figures.talking,
        "agents": figures.agents,
        "offered": figures.offered,
        "answered": counts.answered,
        "abandoned": counts.abandoned,
        "short_abandons": counts.short_abandons,
        "partial_visits": counts.partial_visits,
        "abandoned_percent": _percent(abandonment),
        "service_level_seconds": figures.service_level_seconds,
        "service_level_percent": _percent(service_level),
        "service_level_n": service_level.n if service_level else 0,
        "rating": _rating(figures.rating),
        "levels": {
            "waiting": levels.waiting.level(figures.waiting),
            "longest_wait": levels.longest_wait.level(longest),
            "longest_whole_wait": levels.longest_wait.level(longest_whole),
            "service_level": levels.service_level.level(_percent(service_level)),
            "abandoned": levels.abandoned.level(_percent(abandonment)),
            "rating": _judged(figures.rating, levels),
        },
    }


def _rating(score: Score | None) -> dict[str, object] | None:
    """Return a survey score as JSON fields; None if there is no score.

    If the score has too few answers, the value and the confidence interval are null.
    """
    if score is None:
        return None
    figures = (score.value, score.low, score.high)
    value, low, high = (round(each, _DECIMALS) if score.enough else None for each in figures)
    return {
        "name": score.name,
        "label": score_labels(score.name),
        "unit": SCORES[score.name].unit.value,
        "n": score.n,
        "enough": score.enough,
        "value": value,
        "low": low,
        "high": high,
    }


def _judged(score: Score | None, levels: Thresholds) -> Severity:
    """Return the severity of a CSAT score (customer satisfaction) by the thresholds in `levels`.

    The severity is NONE for other kinds of scores and for a score with too few answers.
    """
    judged = score is not None and score.enough and score.name == "csat"
    return levels.csat.level(score.value if score and judged else None)


def _percent(share: Share | None) -> float | None:
    return round(share.percent, _DECIMALS) if share else None


def _since(instant: float | None, at: float) -> float | None:
    return None if instant is None else round(max(0.0, at - instant), _DECIMALS)


def _instant(instant: float | None) -> float | None:
    return None if instant is None else round(instant, _DECIMALS)
