"""The surveys and prompts that the configuration names, loaded again when it is reloaded."""

from cc_bridge.config import Config
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.daemon.service import Context, DaemonService, per_queue

__all__ = ["ConfiguredSurveys"]


class ConfiguredSurveys(DaemonService):
    """`surveys` by id and `sounds` by prompt. Raises SurveyError or ConfigError for a faulty one."""

    taken_over = ("survey.directory", *per_queue("survey"))

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.surveys, self.sounds = load_surveys(context.config)

    def reconfigure(self, config: Config) -> None:
        self.surveys, self.sounds = load_surveys(config)
        super().reconfigure(config)
