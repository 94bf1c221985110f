"""The survey library: all surveys of a folder, by their ids.

The daemon loads a library at start and a new one on SIGHUP. A library never changes, so a caller in the
middle of a survey keeps the definition with which the survey started. The new library replaces the old one
only if all files are valid.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from cc_bridge.errors import SurveyError, UnreadableFile
from cc_bridge.safe_text.text_files import read_text
from cc_bridge.surveys.definition import Sounds, Survey, parse_survey

__all__ = ["SurveyLibrary"]


class SurveyLibrary(Mapping[str, Survey]):
    """The surveys of a folder: a mapping from each survey id to its survey, sorted by the ids."""

    def __init__(self, surveys: Mapping[str, Survey]) -> None:
        self._surveys = dict(sorted(surveys.items()))

    @classmethod
    def load(cls, folder: Path, sounds: Sounds) -> Self:
        """Return a library of all .toml files in a folder.

        `sounds` has the sound files of all prompts; a prompt without a sound file is a fault of its survey.
        Raise SurveyError with the faults of all files together, or if the folder has no .toml file.
        """
        surveys: dict[str, Survey] = {}
        files: dict[str, Path] = {}
        faults: list[str] = []
        for file in sorted(folder.glob("*.toml")):
            try:
                survey = parse_survey(read_text(file), str(file), sounds)
            except SurveyError as error:
                faults.append(str(error))
            except UnreadableFile as error:
                faults.append(f"{file}:1: {error}")
            else:
                if survey.id in surveys:
                    faults.append(f"{file}:1: id: {survey.id!r} is taken by {files[survey.id]}")
                surveys[survey.id], files[survey.id] = survey, file
        if not surveys and not faults:
            faults.append(f"{folder}: no survey in this folder: no *.toml")
        if faults:
            raise SurveyError("\n".join(faults))
        return cls(surveys)

    def __getitem__(self, survey_id: str) -> Survey:
        return self._surveys[survey_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._surveys)

    def __len__(self) -> int:
        return len(self._surveys)
