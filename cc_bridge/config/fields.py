"""Kinds of values that several sections of the configuration have: paths, times, zones, secrets."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

from cc_bridge.errors import ConfigError
from cc_bridge.kpis.question_kinds import KINDS, RATING_KINDS, check_not_retired
from cc_bridge.surveys.business_hours import minute_of

__all__ = [
    "LOW_RATINGS",
    "LOW_RATING_DEFAULTS",
    "NOT_RETIRED",
    "OptionalPath",
    "Section",
    "before_midnight",
    "only_one",
    "password_of",
    "readable",
    "secret_in",
    "time_zone_of",
]

# In the file an unset path is an empty text, so that every key can stand there with its default.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


def _not_retired(kind: object) -> object:
    check_not_retired(kind)
    return kind


def _none_retired(low_ratings: object) -> object:
    if isinstance(low_ratings, dict):
        for kind in low_ratings:
            check_not_retired(kind)
    return low_ratings


def _on_the_scale(low_ratings: Mapping[str, int]) -> Mapping[str, int]:
    for kind, value in low_ratings.items():
        scale = KINDS[kind].scale
        if value not in scale:
            raise ValueError(f"{kind} = {value}: must be from {scale[0]} to {scale[-1]}")
    return low_ratings


NOT_RETIRED = BeforeValidator(_not_retired)
"""Of a kind of question."""

LOW_RATINGS = (BeforeValidator(_none_retired), AfterValidator(_on_the_scale))
"""Of the highest low rating by kind of question."""

LOW_RATING_DEFAULTS = {name: low for name in RATING_KINDS if (low := KINDS[name].low_max) is not None}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def readable(read: Callable[[str], object]) -> AfterValidator:
    """Return the check that a text can be read; it stays a text, as it stands in the file."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def time_zone_of(name: str) -> tzinfo | None:
    """Return a time zone, None (this machine's) for an empty name. Raises ValueError."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, OSError, ValueError) as error:  # unknown, a folder such as Asia, or no name at all
        raise ValueError("must be a time zone such as Asia/Tehran") from error


def before_midnight(time: str) -> None:
    if minute_of(time) == minute_of("24:00"):
        raise ValueError("must be before 24:00, such as 00:00")


def secret_in(file: Path, key: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} = {str(file)!r}: cannot be read: {error}") from error


def only_one(secret: SecretStr, file: Path | None, key: str = "secret") -> None:
    if file is not None and secret.get_secret_value():
        raise ValueError(f"give {key} or {key}_file, not both")


def password_of(secret: SecretStr, file: Path | None, key: str) -> str:
    return secret.get_secret_value() if file is None else secret_in(file, key)
