"""The command `prompts`: it synthesises and checks the survey prompts, and prints the recording sheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge import resource_path
from cc_bridge.commands.common import FILE, progress, say

if TYPE_CHECKING:
    from cc_bridge.surveys.prompt_catalogue import PromptCatalogue

__all__ = ["prompts"]


@click.command()
@click.option(
    "--catalogue",
    type=FILE,
    default=lambda: resource_path("dialplans/prompts.toml"),
    help="Catalogue of prompts and their texts. Default: the shipped catalogue.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sounds"),
    show_default=True,
    help="Directory for the files LANGUAGE/cc_bridge/NAME.wav.",
)
@click.option("--language", "languages", multiple=True, help="Only this language; can be repeated.")
@click.option(
    "--engine",
    type=click.Choice(["hibari", "espeak-ng", "command"]),
    help="Speech engine. Default: the engine of each language in the catalogue. hibari speaks only English.",
)
@click.option(
    "--command",
    default="",
    metavar="TEMPLATE",
    help="With --engine command: command that reads a text aloud; {wav} is the file that it must write.",
)
@click.option("--sheet", is_flag=True, help="Print a recording sheet for a speaker, and do nothing else.")
@click.option("--check", is_flag=True, help="Test the files in the directory, and do nothing else.")
def prompts(
    catalogue: Path,
    out: Path,
    languages: tuple[str, ...],
    engine: str | None,
    command: str,
    sheet: bool,
    check: bool,
) -> None:
    """Create a sound file for each prompt with a speech engine (8 kHz, mono, 16 bit).

    The prompts and their texts are in the catalogue. Existing recordings of human voices are not overwritten.
    Prompts that have no text in a language are listed as missing.

    A command of your own receives the text at its standard input. In the template, {wav} is the WAV file
    that it must write, {name} is the language, and {words_per_minute} is the speed.

    --check tests format, level, clipping, silence and length of each file. The exit code is 1 if a file is
    missing or faulty.

    \b
    Example:  cc-bridge prompts --out /usr/share/asterisk/sounds
    Example:  cc-bridge prompts --language fa --engine command --command 'piper -m fa.onnx -f {wav}'
    Example:  cc-bridge prompts --sheet
    Example:  cc-bridge prompts --check --out /usr/share/asterisk/sounds
    """
    from cc_bridge.prompts.sheet import recording_sheet
    from cc_bridge.surveys.prompt_catalogue import WAV, Engine, parse_catalogue

    parsed = parse_catalogue(_text(catalogue), str(catalogue))
    if unknown := sorted(set(languages) - set(parsed.voices)):
        known = ", ".join(parsed.voices)
        raise click.UsageError(f"the catalogue has no language {', '.join(unknown)}; it has {known}")
    if bool(command) is not (engine == Engine.COMMAND):
        raise click.UsageError("--engine command and --command need each other")
    if command and WAV not in command:
        raise click.UsageError(f"--command needs {WAV}, the file that the command must write")
    if sheet:
        click.echo(recording_sheet(parsed, languages), nl=False)
    elif check:
        _check(parsed, out, languages)
    else:
        _build(parsed, out, languages, engine, command)


def _check(catalogue: "PromptCatalogue", out: Path, languages: Sequence[str]) -> None:
    """Print `ok` or the faults of each prompt's sound file; raise ClickException if any file has a fault."""
    from cc_bridge.prompts.check import check

    faulty = 0
    for prompt in check(catalogue, out):
        if not languages or prompt.language in languages:
            say(f"{prompt.language}  {prompt.name:<24} {'; '.join(prompt.faults) or 'ok'}")
            faulty += bool(prompt.faults)
    if faulty:
        raise click.ClickException(f"{faulty} prompts in {out} are missing or faulty")


def _build(
    catalogue: "PromptCatalogue", out: Path, languages: Sequence[str], engine: str | None, command: str
) -> None:
    """Create the sound files, and print the state of each.

    Raises ClickException if a prompt has no text in one of the languages. `engine` and `command` are the
    options of the command line; an empty `languages` means all.
    """
    from cc_bridge.prompts.engines import with_engine
    from cc_bridge.prompts.synthesis import PromptStatus, build
    from cc_bridge.surveys.prompt_catalogue import Engine

    if engine is not None:
        catalogue = with_engine(catalogue, Engine(engine), command, languages)
    voices = {
        language: voice
        for language, voice in catalogue.voices.items()
        if not languages or language in languages
    }
    catalogue = catalogue.model_copy(update={"voices": voices})
    total = len(catalogue.prompts) * len(voices)
    with progress(total, "prompts") as bar:
        done = build(catalogue, out, lambda _prompt: bar.update(1))
    for prompt in done:
        say(f"{prompt.language}  {prompt.name:<24} {prompt.status}")
    if any(prompt.status is PromptStatus.MISSING for prompt in done):
        raise click.ClickException(
            "the prompts listed as missing have no text in that language; add it to the catalogue"
        )


def _text(catalogue: Path) -> str:
    """Return the text of the catalogue. Raises ClickException if the file cannot be read."""
    from cc_bridge.errors import UnreadableFile
    from cc_bridge.safe_text.text_files import read_text

    try:
        return read_text(catalogue)
    except UnreadableFile as error:
        raise click.ClickException(f"{catalogue}: {error}") from error
