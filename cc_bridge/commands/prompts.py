"""The command `prompts`: it synthesises the survey prompts as sound files."""

import sys
from pathlib import Path

import click

from cc_bridge import resource_path
from cc_bridge.commands.common import FILE, say

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
def prompts(catalogue: Path, out: Path) -> None:
    """Create a sound file for each prompt with espeak-ng (8 kHz, mono, 16 bit).

    The prompts and their texts are in the catalogue. Existing recordings of human voices are not overwritten.
    Prompts that have no text in a language are listed as missing.

    \b
    Example:  cc-bridge prompts --out /usr/share/asterisk/sounds
    """
    from cc_bridge.prompt_synthesis import PromptStatus, build
    from cc_bridge.surveys.prompt_catalogue import parse_catalogue

    parsed = parse_catalogue(_text(catalogue), str(catalogue))
    total = len(parsed.prompts) * len(parsed.voices)
    with click.progressbar(length=total, label="prompts", file=sys.stderr) as bar:
        done = build(parsed, out, lambda _prompt: bar.update(1))
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
