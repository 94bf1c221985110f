"""Loading and validation of the survey files and prompts that the configuration names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cc_bridge import resource_path
from cc_bridge.config.settings import Config
from cc_bridge.errors import CcBridgeError, ConfigError
from cc_bridge.surveys.definition import Sounds
from cc_bridge.surveys.library import SurveyLibrary
from cc_bridge.surveys.prompt_catalogue import FOLDER, parse_catalogue

__all__ = ["SurveyTitles", "company_prompts", "load_surveys", "survey_titles", "unknown_surveys"]


@dataclass(frozen=True, slots=True)
class SurveyTitles:
    """The titles of the surveys for reports and pages, in each language.

    questions: question id -> language -> title
    choices: question id and label of the choice -> language -> title
    """

    questions: Mapping[str, Mapping[str, str]]
    choices: Mapping[tuple[str, str], Mapping[str, str]]


def load_surveys(config: Config) -> tuple[SurveyLibrary, Sounds]:
    """Return the surveys of the configured directory, and the sound file of each prompt.

    Raises SurveyError for an invalid survey file, ConfigError if a queue's survey is missing or too long.
    """
    surveys, sounds = _files(config)
    if faults := list(_survey_faults(config, surveys)):
        raise ConfigError("\n".join(faults))
    return surveys, sounds


def company_prompts(config: Config) -> set[str]:
    """Return the names of the recorded prompts with the company's name, from the queues' `company_prompt`."""
    queues = (config.queue_defaults, *config.queues.values())
    return {queue.company_prompt for queue in queues if queue.company_prompt}


def survey_titles(config: Config) -> SurveyTitles:
    """Return the titles of the questions and choices that have one.

    Several surveys can have a question with the same id. The titles are then those of the first survey that
    has some, in the order of the survey ids. The result is empty if the survey files cannot be loaded.
    """
    try:
        surveys, _ = _files(config)
    except CcBridgeError:
        return SurveyTitles({}, {})
    questions: dict[str, Mapping[str, str]] = {}
    choices: dict[tuple[str, str], Mapping[str, str]] = {}
    for survey in surveys.values():
        for question in survey.questions:
            if question.titles:
                questions.setdefault(question.id, question.titles)
            for label, titles in question.choice_titles.items():
                choices.setdefault((question.id, label), titles)
    return SurveyTitles(questions, choices)


def unknown_surveys(config: Config) -> list[str]:
    """Return one line for each queue whose survey does not exist.

    If the survey files cannot be loaded, return the lines of that error instead.
    """
    try:
        surveys, _ = _files(config)
    except CcBridgeError as error:
        return str(error).splitlines()
    return list(_unknown(config, surveys))


def _files(config: Config) -> tuple[SurveyLibrary, Sounds]:
    """Return the surveys of the configured directory and the sound files. Raises SurveyError.

    The sound files include the company prompts of the queues, in each language of the catalogue.
    """
    catalogue_file = resource_path("dialplans/prompts.toml")
    catalogue = parse_catalogue(catalogue_file.read_text(encoding="utf-8"), str(catalogue_file))
    sounds = catalogue.sounds | {
        prompt: dict.fromkeys(catalogue.voices, f"{FOLDER}/{prompt}") for prompt in company_prompts(config)
    }
    return SurveyLibrary.load(config.survey.directory or resource_path("config/surveys"), sounds), sounds


def _survey_faults(config: Config, surveys: SurveyLibrary) -> Iterator[str]:
    """Yield an error line for each queue whose survey is missing or can exceed agi.max_session_seconds."""
    yield from _unknown(config, surveys)
    limit = config.agi.max_session_seconds
    for survey in _used(config).values():
        if survey in surveys and surveys[survey].max_seconds >= limit:
            longest = surveys[survey].max_seconds
            yield f"agi.max_session_seconds = {limit:g}: survey {survey!r} may take {longest:g} s"


def _unknown(config: Config, surveys: SurveyLibrary) -> Iterator[str]:
    """Yield an error line for each queue whose survey is missing."""
    for place, survey in _used(config).items():
        if survey not in surveys:
            yield f"{place}.survey = {survey!r}: no such survey; known are {', '.join(surveys)}"


def _used(config: Config) -> dict[str, str]:
    """Return the survey id of each configuration section with a survey: section -> survey id.

    A section is `queue_defaults` or that of a queue, such as `queues.sales`.
    """
    queues = {f"queues.{name}": queue for name, queue in config.queues.items()}
    queues = {"queue_defaults": config.queue_defaults, **queues}
    return {place: queue.survey for place, queue in queues.items() if queue.survey}
