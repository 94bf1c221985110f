"""Loading and validation of the survey files and prompts that the configuration names."""

from collections.abc import Iterator

from cc_bridge import resource_path
from cc_bridge.config import Config
from cc_bridge.errors import ConfigError
from cc_bridge.surveys.definition import Sounds
from cc_bridge.surveys.library import SurveyLibrary
from cc_bridge.surveys.prompt_catalogue import parse_catalogue

__all__ = ["load_surveys"]


def load_surveys(config: Config) -> tuple[SurveyLibrary, Sounds]:
    """Return the surveys of the configured directory, and the sound file of each prompt.

    Raises SurveyError for an invalid survey file, ConfigError if a queue's survey is missing or too long.
    """
    catalogue_file = resource_path("dialplans/prompts.toml")
    sounds = parse_catalogue(catalogue_file.read_text(encoding="utf-8"), str(catalogue_file)).sounds
    surveys = SurveyLibrary.load(config.survey.directory or resource_path("config/surveys"), sounds)
    if faults := list(_survey_faults(config, surveys)):
        raise ConfigError("\n".join(faults))
    return surveys, sounds


def _survey_faults(config: Config, surveys: SurveyLibrary) -> Iterator[str]:
    """Yield an error line for each queue whose survey is missing or can last too long.

    The longest allowed duration is agi.max_session_seconds.
    """
    queues = {f"queues.{name}": queue for name, queue in config.queues.items()}
    for place, queue in {"queue_defaults": config.queue_defaults, **queues}.items():
        if queue.survey and queue.survey not in surveys:
            yield f"{place}.survey = {queue.survey!r}: no such survey; known are {', '.join(surveys)}"
        elif queue.survey and surveys[queue.survey].max_seconds >= config.agi.max_session_seconds:
            longest, limit = surveys[queue.survey].max_seconds, config.agi.max_session_seconds
            yield f"agi.max_session_seconds = {limit:g}: survey {queue.survey!r} may take {longest:g} s"
