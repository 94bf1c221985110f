"""The surveys and prompts that the configuration names; a configuration reload loads them again."""

from cc_bridge.config import Config
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.daemon.service import Context, DaemonService, per_queue

__all__ = ["ConfiguredSurveys"]


class ConfiguredSurveys(DaemonService):
    """The loaded surveys and the sound files of the prompts.

    `surveys` maps each survey id to its survey. `sounds` maps each prompt name to the sound files of the
    prompt. The constructor and `reconfigure` raise SurveyError or ConfigError for a faulty survey or prompt.
    """

    taken_over = ("survey.directory", *per_queue("survey", "company_prompt"))

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.surveys, self.sounds = load_surveys(context.config)

    def reconfigure(self, config: Config) -> None:
        self.surveys, self.sounds = load_surveys(config)
        super().reconfigure(config)
