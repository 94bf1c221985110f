"""The prompts: is there a sound file for each that a caller may hear, in each language.

Asterisk looks for `sounds/<language>/<file>.<format>`, then for `sounds/<file>.<format>`. Only a folder that
this machine has can be looked into: the PBX's own, or where `--sounds` says that it is mounted.
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

__all__ = ["findings"]


def findings(config: Config, folder: Path | None, told: str | None) -> Iterator[CheckResult]:
    """Judge the folder; `told` is where the PBX has its data, on a machine that may be another."""
    try:
        surveys, _ = load_surveys(config)
    except CcBridgeError:
        return  # said already
    queues = (config.queue_defaults, *config.queues.values())
    used = sorted({queue.survey for queue in queues if queue.survey}) if config.survey.enabled else []
    place = folder or (Path(told) / "sounds" if told else None)
    if place is None or not place.is_dir():
        yield skip(
            "prompts",
            f"{place or 'the folder of sounds'} is not on this machine",
            f"on the PBX: ls {place or '/usr/share/asterisk/sounds'}/*/{FOLDER}; or say --sounds FOLDER",
        )
        return
    more = [MOMENT] if used else []
    more += [GREETING] if config.callback.enabled else []
    more += ["consent_before"] if any(queue.consent == "required" for queue in queues) else []
    for name in used:
        for language in surveys[name].languages:
            yield _language(surveys[name], language, more, place)


def _language(survey: Survey, language: str, more: list[str], place: Path) -> CheckResult:
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
    return fail(name, f"not in {place}: {', '.join(missing)}", "; ".join(advice))


def _prompts(survey: Survey) -> Iterator[str]:
    """Yield every prompt of a survey."""
    said = [survey.welcome, survey.skipped, survey.opted_out, survey.thanks, survey.goodbye]
    for question in survey.questions:
        said += [question.ask, question.invalid]
        if question.comment:
            said += [question.comment.after_beep, question.comment.thanks]
    if survey.ask_language:
        said.append(survey.ask_language.prompt)
    yield from filter(None, said)


def _there(place: Path, language: str, file: str) -> bool:
    """Look for any format, as Asterisk does: `fa_IR`, then `fa`, then no language."""
    folders = (place / language, place / language.partition("_")[0], place)
    return any(next((folder / file).parent.glob(f"{(folder / file).name}.*"), None) for folder in folders)
