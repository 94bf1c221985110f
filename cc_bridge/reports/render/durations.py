"""The text of a duration with its units, such as `4.9 s`, `2 min`, `1 min 05` or `1 h 05`. Pure.

A duration has at most two units, and the smaller one has two digits in English. Persian texts name both
units. The digits are 0 to 9; `Localization.figures_of` replaces them.
"""

from typing import Literal, NamedTuple

from cc_bridge.kpis.units import half_up

__all__ = ["duration", "short_duration"]

_MINUTE, _HOUR = 60, 3600
_SHORT_MINUTES_FROM, _SHORT_HOURS_FROM = 2 * _MINUTE, 2 * _HOUR
_MINUS = "−"  # noqa: RUF001 - typography for readers
_TENTHS_BELOW = 10  # seconds


class _Words(NamedTuple):
    """The words of one language, as templates with the fields `large` and `small`."""

    seconds: str
    minutes: str
    minutes_seconds: str
    hours: str
    hours_minutes: str


_WORDS = {
    "en": _Words(
        "{large} s", "{large} min", "{large} min {small:02}", "{large:,} h", "{large:,} h {small:02}"
    ),
    "fa": _Words(
        "{large} ثانیه",
        "{large} دقیقه",
        "{large} دقیقه و {small} ثانیه",
        "{large:,} ساعت",
        "{large:,} ساعت و {small} دقیقه",
    ),
}


def duration(seconds: float, language: Literal["en", "fa"], *, whole_minutes: bool = False) -> str:
    """Return a duration in words of the language.

    A duration of less than ten seconds has tenths unless it is whole. From an hour on, or from a minute on
    with `whole_minutes`, it is rounded to minutes.
    """
    words = _WORDS[language]
    sign, seconds = _MINUS if half_up(seconds, 1) < 0 else "", abs(seconds)
    tenths, whole = half_up(seconds, 1), int(half_up(seconds))
    if tenths < _TENTHS_BELOW and tenths != int(tenths):
        return sign + words.seconds.format(large=tenths)
    if whole < _MINUTE:
        return sign + words.seconds.format(large=whole)
    if whole < _HOUR and not whole_minutes:
        minutes, rest = divmod(whole, _MINUTE)
        return sign + (words.minutes_seconds if rest else words.minutes).format(large=minutes, small=rest)
    hours, minutes = divmod(int(half_up(seconds / _MINUTE)), 60)
    if not hours:
        return sign + words.minutes.format(large=minutes)
    return sign + (words.hours_minutes if minutes else words.hours).format(large=hours, small=minutes)


def short_duration(seconds: float, language: Literal["en", "fa"]) -> str:
    """Return a duration with one unit, such as `75 s` or `2.5 min`, for the axis of a chart."""
    words = _WORDS[language]
    if seconds < _SHORT_MINUTES_FROM:
        return words.seconds.format(large=f"{seconds:.4g}")
    if seconds < _SHORT_HOURS_FROM:
        return words.minutes.format(large=f"{seconds / _MINUTE:.3g}")
    hours = seconds / _HOUR
    return words.hours.format(large=round(hours, 1) if hours % 1 else round(hours))
