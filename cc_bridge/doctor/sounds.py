"""Check of the prompts: is there a sound file for each prompt in each language of the used surveys.

Asterisk searches `sounds/<language>/<file>.<format>`, then `sounds/<file>.<format>`. The sounds directory
must be accessible on this machine. It is the directory of the PBX, or the one given by the option `--sounds`.
"""

from collections.abc import Iterator
from pathlib import Path

from cc_bridge.config import Config
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.daemon.services.survey_invitations import GREETING, MOMENT
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip
from cc_bridge.errors import CcBridgeError
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.prompt_catalogue import FOLDER

__all__ = ["check"]


def check(config: Config, folder: Path | None, data_folder: str | None) -> Iterator[CheckResult]:
    """Yield a result for each used survey and language: are the sound files of its prompts installed.

    `folder` is the sounds directory of the option --sounds. Without this option, the directory `sounds` in
    the PBX's `data_folder` is used.
    """
    try:
        surveys, _ = load_surveys(config)
    except CcBridgeError:
        return  # reported by the check of the configuration
    queues = (config.queue_defaults, *config.queues.values())
    used = sorted({queue.survey for queue in queues if queue.survey}) if config.survey.enabled else []
    place = folder or (Path(data_folder) / "sounds" if data_folder else None)
    if place is None or not place.is_dir():
        yield skip(
            "prompts",
            f"{place or 'the sounds directory'} is not on this machine",
            f"on the PBX: ls {place or '/usr/share/asterisk/sounds'}/*/{FOLDER}; or give --sounds DIRECTORY",
        )
        return
    more = [MOMENT] if used else []
    more += [GREETING] if config.callback.enabled else []
    more += ["consent_before"] if any(queue.consent == "required" for queue in queues) else []
    for name in used:
        for language in surveys[name].languages:
            yield _language(surveys[name], language, more, place)


def _language(survey: Survey, language: str, more: list[str], place: Path) -> CheckResult:
    """Return the result of the check that all prompts of one survey exist in one language below `place`.

    `more` are the names of prompts that calls need besides the survey's own prompts.
    """
    prompts = sorted({*_prompts(survey), *more})
    files = {survey.sounds[prompt][language] for prompt in prompts if language in survey.sounds[prompt]}
    missing = sorted(file for file in files if not _there(place, language, file))
    name = f"prompts.{survey.id}.{language}"
    if not missing:
        return ok(name, f"{len(files)} sound files in {place}")
    ours = any(file.startswith(f"{FOLDER}/") for file in missing)
    theirs = any(not file.startswith(f"{FOLDER}/") for file in missing)
    advice = [f"cp -r dialplans/sounds/{language} {place}/"] if ours else []
    advice += [f"install Asterisk's own core-sounds-{language}"] if theirs else []
    return fail(name, f"missing in {place}: {', '.join(missing)}", "; ".join(advice))


def _prompts(survey: Survey) -> Iterator[str]:
    """Yield the name of each prompt of a survey."""
    said = [survey.welcome, survey.skipped, survey.opted_out, survey.thanks, survey.goodbye]
    for question in survey.questions:
        said += [question.ask, question.invalid]
        if question.comment:
            said += [question.comment.after_beep, question.comment.thanks]
    if survey.ask_language:
        said.append(survey.ask_language.prompt)
    yield from filter(None, said)


def _there(place: Path, language: str, file: str) -> bool:
    """Return whether the sound file `file` exists, in any format, in the sounds directory `place`.

    For the language `fa_IR`, the folders `fa_IR` and `fa` and the folder without a language are searched.
    """
    folders = (place / language, place / language.partition("_")[0], place)
    return any(next((folder / file).parent.glob(f"{(folder / file).name}.*"), None) for folder in folders)
