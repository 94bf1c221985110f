"""Reads the survey files: TOML into checked, frozen tables, all faults of a file told at once. Pure."""

import tomllib
from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cc_bridge.errors import SurveyError

__all__ = ["Language", "Name", "Table", "faulty", "read_toml"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Of a survey, a question or a prompt: it becomes a file name, a label and a key in SQL."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}([_-][A-Za-z]{2,4})?$")]
"""As Asterisk names it, which is also the folder of its sounds: `fa`, `en_GB`."""


class Table(BaseModel):
    """Base of what a TOML table may hold: nothing unknown, nothing of another type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


_AnyTable = TypeVar("_AnyTable", bound=Table)


def read_toml(model: type[_AnyTable], text: str, file: str) -> _AnyTable:
    """Return the file's content; raises SurveyError."""
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:  # its text names line and column
        raise faulty(file, [str(error)]) from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise faulty(file, faults) from error


def faulty(file: str, faults: Iterable[str]) -> SurveyError:
    """Return the error that tells every fault in a line of its own."""
    return SurveyError("\n".join(f"{file}: {fault}" for fault in faults))
