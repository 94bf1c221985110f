"""The recording sheet: all prompts with text, file name and hint, for a person who speaks them. Pure."""

from collections.abc import Sequence

from cc_bridge.prompts.loudness import LEAD_SECONDS, TAIL_SECONDS
from cc_bridge.surveys.prompt_catalogue import FOLDER, PromptCatalogue

__all__ = ["recording_sheet"]

_HEAD = f"""# Recording sheet

Speak each text calmly, with one voice for all, in a quiet room. Leave {LEAD_SECONDS:g} s of silence before
the speech and {TAIL_SECONDS:g} s after it. Save each text as a WAV file with 8000 Hz, one channel and 16 bits
under its file name, in Asterisk's directory of sounds. Then run `cc-bridge prompts --check --out DIRECTORY`.
"""


def recording_sheet(catalogue: PromptCatalogue, languages: Sequence[str] = ()) -> str:
    """Return the sheet as Markdown, with the prompts of `languages`; an empty sequence means all languages.

    A prompt that Asterisk's own sound packages contain has no entry.
    """
    prompts = {
        **{
            name: {language: text for language, text in texts.items() if isinstance(text, str)}
            for name, texts in catalogue.prompts.items()
        },
        **catalogue.own,
    }
    wanted = languages or list(catalogue.voices)
    lines = [_HEAD]
    for number, (name, texts) in enumerate(prompts.items(), 1):
        lines.append(f"## {number}. {name}\n")
        if name in catalogue.hints:
            lines.append(f"{catalogue.hints[name]}\n")
        lines += [
            f"- `{language}/{FOLDER}/{name}.wav`: {_isolated(texts[language])}"
            for language in wanted
            if language in texts
        ]
        lines.append("")
    return "\n".join(lines)


def _isolated(text: str) -> str:
    """Return a text that keeps its direction between words of another direction (Unicode's isolates)."""
    return f"\u2068{text}\u2069"
