"""Field types that several sections share: paths, times of day, time zones and secrets."""

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

from cc_bridge.errors import ConfigError, UnreadableFile
from cc_bridge.kpis.question_kinds import KINDS, RATING_KINDS, check_not_retired
from cc_bridge.safe_text.text_files import read_text
from cc_bridge.surveys.business_hours import minute_of
from cc_bridge.surveys.text_patterns import text_like

__all__ = [
    "LOW_RATINGS",
    "LOW_RATING_DEFAULTS",
    "NOT_RETIRED",
    "OWNER",
    "OWNER_IN_WORDS",
    "OptionalPath",
    "Owner",
    "Section",
    "before_midnight",
    "only_one",
    "password_of",
    "readable",
    "secret_in",
    "time_zone_of",
]

# An unset path is an empty string in the file, so that the file can list every option with its default.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]

OWNER = r"[a-z0-9][a-z0-9_.-]{0,31}"
"""Pattern of the short name of a person who is responsible for queues; it becomes part of file names."""

OWNER_IN_WORDS = "a short name: 1 to 32 of the characters a-z 0-9 _ . -, first a letter or digit"

Owner = Annotated[str, text_like(OWNER, OWNER_IN_WORDS)]


def _not_retired(kind: object) -> object:
    check_not_retired(kind)
    return kind


def _none_retired(low_ratings: object) -> object:
    if isinstance(low_ratings, dict):
        for kind in low_ratings:
            check_not_retired(kind)
    return low_ratings


def _ratings_on_scale(low_ratings: Mapping[str, int]) -> Mapping[str, int]:
    for kind, value in low_ratings.items():
        scale = KINDS[kind].scale
        if value not in scale:
            raise ValueError(f"{kind} = {value}: must be from {scale[0]} to {scale[-1]}")
    return low_ratings


NOT_RETIRED = BeforeValidator(_not_retired)
"""Validator of a kind of question: a retired kind is an error."""

LOW_RATINGS = (BeforeValidator(_none_retired), AfterValidator(_ratings_on_scale))
"""Validators of the highest low rating by kind: no kind is retired, each rating is on its scale."""

LOW_RATING_DEFAULTS = {name: low for name in RATING_KINDS if (low := KINDS[name].low_max) is not None}


_URL_SAFE_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # no character needs quoting in a URL or a dialplan
_MAX_SECRET_BYTES = 64 * 1024
_BYTE_ORDER_MARK = "\ufeff"  # editors of Windows write it in front of a UTF-8 text


class Section(BaseModel):
    """A section of the configuration. It is immutable and rejects unknown options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def readable(read: Callable[[str], object]) -> AfterValidator:
    """Return a validator that rejects a text if `read` raises ValueError for it.

    The validator never changes the text.
    """

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def time_zone_of(name: str) -> tzinfo | None:
    """Return the time zone with this name. For an empty name, return None: the time zone of this machine.

    Raises ValueError for an unknown name.
    """
    try:
        return ZoneInfo(name) if name else None
    except (
        KeyError,
        OSError,
        ValueError,
    ) as error:  # unknown, a directory such as Asia, an invalid path
        raise ValueError("must be a time zone such as Asia/Tehran") from error


def before_midnight(time: str) -> None:
    """Raise ValueError if a time of day is 24:00 or is not written as HH:MM."""
    if minute_of(time) == minute_of("24:00"):
        raise ValueError("must be before 24:00, such as 00:00")


def secret_in(file: Path, key: str) -> str:
    """Return the secret in a file, without surrounding white space.

    Raises ConfigError, which names the option `key`, if the file cannot be read, is empty, or starts with a
    byte-order mark, which would become part of the secret.
    """
    try:
        secret = read_text(file, _MAX_SECRET_BYTES).strip()
    except UnreadableFile as error:
        raise ConfigError(f"{key} = {str(file)!r}: {error}") from error
    if secret.startswith(_BYTE_ORDER_MARK):
        raise ConfigError(
            f"{key} = {str(file)!r}: the file starts with a byte-order mark: save it as UTF-8 without one"
        )
    if not secret:
        raise ConfigError(f"{key} = {str(file)!r}: the file is empty: it must contain the secret")
    return secret


def only_one(secret: SecretStr, file: Path | None, key: str = "secret") -> None:
    """Raise ValueError if a secret is set twice: by the option `key`, and by its file in `key`_file."""
    if file is not None and secret.get_secret_value():
        raise ValueError(f"give {key} or {key}_file, not both")


def password_of(secret: SecretStr, file: Path | None, key: str) -> str:
    """Return the secret, or the content of its file if a file is set; empty if neither is set.

    Raises ConfigError, which names the option `key`, for a file that `secret_in` rejects.
    """
    return secret.get_secret_value() if file is None else secret_in(file, key)


def url_safe_secret(secret: SecretStr, file: Path | None, option: str) -> str:
    """Return a secret that is a part of URLs, as `password_of` does; empty if neither it nor a file is set.

    `option` is the complete name of the option, such as `http.token`. Raises ConfigError for a secret that is
    too short or too long, or that needs quoting in a URL, a header or a dialplan.
    """
    value = password_of(secret, file, f"{option}_file")
    if (value or file is not None) and not _URL_SAFE_SECRET.fullmatch(value):
        raise ConfigError(f"{option}: must have 16 to 200 characters: letters, digits, and . _ ~ -")
    return value
