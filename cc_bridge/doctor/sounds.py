"""Checks of the files that surveys need on the PBX: prompts, and the directory of spoken comments.

Asterisk searches a prompt in `sounds/<language>/<file>.<format>`, then in `sounds/<file>.<format>`. The
doctor must be able to read these files on this machine. So the PBX must be this machine, or the option
`--sounds` must give a directory with the PBX's sound files.
"""

from collections.abc import Iterator
from pathlib import Path

from cc_bridge import resource_path
from cc_bridge.config import Config
from cc_bridge.config.survey_files import company_prompts, load_surveys
from cc_bridge.daemon.services.survey_invitations import GREETING, HELLO, MOMENT
from cc_bridge.doctor.asterisk_user import AsteriskUser, asterisk_user
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.sound_file import sound_fault
from cc_bridge.errors import CcBridgeError
from cc_bridge.prompts.check import speech_faults
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.prompt_catalogue import FOLDER

__all__ = ["check"]

_GUIDE = "dialplans/README.md"


def check(config: Config, folder: Path | None, data_folder: str | None) -> Iterator[CheckResult]:
    """Yield one result for each used survey in each of its languages: can Asterisk play the prompts.

    If a survey records spoken comments, also yield a result for the directory in which they are stored.

    `folder` is the sounds directory of the option --sounds. Without this option, the directory `sounds` in
    the PBX's `data_folder` is used. `data_folder` is None if the PBX is not this machine.
    """
    try:
        surveys, _ = load_surveys(config)
    except CcBridgeError:
        return  # reported by the check of the configuration
    queues = (config.queue_defaults, *config.queues.values())
    used = sorted({queue.survey for queue in queues if queue.survey}) if config.survey.enabled else []
    here = data_folder is not None and Path(data_folder).is_dir()
    user = asterisk_user(config.ami.port) if here else None
    if here and any(question.comment for name in used for question in surveys[name].questions):
        yield _recordings(Path(config.survey.recordings_directory), user)
    place = folder or (Path(data_folder) / "sounds" if data_folder else None)
    if place is None or not place.is_dir():
        yield skip(
            "prompts",
            f"{place or 'the sounds directory'} is not on this machine",
            f"on the PBX: ls {place or '/usr/share/asterisk/sounds'}/*/{FOLDER}; or give --sounds DIRECTORY",
        )
        return
    more = [MOMENT] if used else []
    more += [HELLO, GREETING] if config.callback.enabled else []
    more += company_prompts(config)
    more += ["consent_before"] if any(queue.consent == "required" for queue in queues) else []
    for name in used:
        for language in surveys[name].languages:
            yield _language(surveys[name], language, more, place, user)


def _recordings(folder: Path, user: AsteriskUser | None) -> CheckResult:
    """Return the result of the check that Asterisk can store spoken comments in a directory."""
    name = "recordings"
    owner = user.name if user else "asterisk"
    advice = f"install -d -o {owner} -g {owner} -m 0750 {folder}"
    try:
        exists, writable = folder.is_dir(), user is not None and folder.is_dir() and user.can_write_in(folder)
    except PermissionError:
        return skip(name, f"this user cannot see {folder}", "run doctor as root")
    if not exists:
        return fail(name, f"{folder} does not exist: spoken comments cannot be recorded", advice)
    if user is None:
        return skip(name, "Asterisk's user is unknown", f"it must be able to write in {folder}")
    if not writable:
        return fail(name, f"Asterisk's user {user.name} cannot write in {folder}", advice)
    return ok(name, f"Asterisk's user {user.name} can write in {folder}")


def _language(
    survey: Survey, language: str, more: list[str], place: Path, user: AsteriskUser | None
) -> CheckResult:
    """Return the result of the check of all prompts of one survey in one language.

    The result is a failure if a sound file is missing or Asterisk cannot play it. Else it is a warning if
    a prompt is hard to understand: too quiet, clipped, empty or too long. Else its level is ok.

    `more` are the names of prompts that calls need besides the survey's own prompts. `place` is the sounds
    directory. `user` is the user as which Asterisk runs, None if it is unknown.
    """
    prompts = sorted({*_prompts(survey), *more})
    files = {survey.sounds[prompt][language] for prompt in prompts if language in survey.sounds[prompt]}
    missing, faulty, unclear = [], [], []
    for file in sorted(files):
        found = _found(place, language, file)
        fault = next(filter(None, (sound_fault(each, user) for each in found)), "")
        if not found:
            missing.append(file)
        elif fault:
            faulty.append((file, fault))
        else:
            unclear += [f"{file}: {each}" for sound in found for each in _speech_faults(sound)]
    name = f"prompts.{survey.id}.{language}"
    if not missing and not faulty and unclear:
        return warn(name, "; ".join(unclear), f"record or generate the prompts again: {_GUIDE}")
    if not missing and not faulty:
        return ok(name, f"{len(files)} sound files in {place}")
    seen = [f"missing in {place}: {', '.join(missing)}"] if missing else []
    seen += [
        f"{fault}: {', '.join(file for file, each in faulty if each == fault)}"
        for fault in sorted({each for _, each in faulty})
    ]
    return fail(name, "; ".join(seen), _advice(language, place, missing, faulty))


def _speech_faults(file: Path) -> list[str]:
    """Return what keeps callers from understanding a sound file.

    The result is empty if the file does not exist, or if the user who runs this check cannot read it.
    """
    try:
        return list(speech_faults(file)) if file.exists() else []
    except PermissionError:
        return []


def _advice(language: str, place: Path, missing: list[str], faulty: list[tuple[str, str]]) -> str:
    """Return the remedy for prompts that are missing or faulty (pairs of the file and its fault)."""
    folder = place / language
    unreadable = [file for file, fault in faulty if fault.startswith("not readable")]
    advice = []
    shipped = resource_path("dialplans/sounds") / language
    own = [file for file in missing if not (shipped / f"{file}.wav").is_file()]
    if len(missing) > len(own) or len(faulty) > len(unreadable):
        # Debian's `en` is a link to another directory, which `cp -r .../en` could not replace.
        advice.append(f"mkdir -p {folder} && cp -r dialplans/sounds/{language}/. {folder}/")
    if own:
        advice.append(f"record {', '.join(own)}: see {_GUIDE}")
    if unreadable:
        advice.append(f"chmod -R a+rX {folder}/{FOLDER}")
    return "; ".join(advice)


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


def _found(place: Path, language: str, file: str) -> list[Path]:
    """Return the sound files that Asterisk would choose from for a prompt: one for each format.

    For the language `fa_IR`, the folders `fa_IR` and `fa` and the folder without a language are searched. The
    first one with the file is used.
    """
    folders = (place / language, place / language.partition("_")[0], place)
    in_each = (sorted((folder / file).parent.glob(f"{Path(file).name}.*")) for folder in folders)
    return next(filter(None, in_each), [])
