"""Sections [users.NAME]: the persons who may open the pages, each with a role and a password's hash."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from cc_bridge.config.fields import Section

__all__ = ["RoleName", "UserConfig", "check_names"]

RoleName = Literal["viewer", "lead", "admin"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.@+-]{0,63}")
# Argon2id in the format of the reference implementation. The limits keep a log-in from taking minutes or all
# of the memory.
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
_MOST_MEMORY = 262_144  # KiB
_MOST_PASSES = 20
_MOST_LANES = 16


def check_names(users: Iterable[str]) -> None:
    """Raise ValueError if a user has a name that no log-in accepts."""
    for name in users:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r}: a name must have 1 to 64 of the characters a-z 0-9 _ . @ + -, first a letter or"
                " digit"
            )


def _argon2id(secret: SecretStr) -> SecretStr:
    """Return an option's value unchanged.

    Raises ValueError unless it is empty or has the form of a hash that `cc-bridge user hash` prints.
    """
    text = secret.get_secret_value()
    if not text:
        return secret
    found = _HASH.fullmatch(text)
    if not found:
        raise ValueError("must be a hash that `cc-bridge user hash` prints, such as '$argon2id$v=19$...'")
    memory, passes, lanes = map(int, found.groups())
    if not (
        8 * lanes <= memory <= _MOST_MEMORY and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES
    ):
        raise ValueError(
            f"must have m up to {_MOST_MEMORY} (KiB) and at least 8 times p, t from 1 to {_MOST_PASSES}, and"
            f" p from 1 to {_MOST_LANES}"
        )
    return secret


class UserConfig(Section):
    """A person who may open the pages. Without a password hash, only a trusted proxy can name the person."""

    role: RoleName = "viewer"
    password_hash: Annotated[SecretStr, AfterValidator(_argon2id)] = SecretStr("")
