"""The command-line reference as a page: config/docs/cli.md, made from the command tree of `cc-bridge`."""

from collections.abc import Iterator

import click

from cc_bridge.cli import main

__all__ = ["commands", "page"]

_WIDTH = 100

_INTRO = f"""\
# Command-line reference

Generated from the code by `python tests/support/generate.py`. Each section is the output of `--help`, at most
{_WIDTH} columns wide.

A command exits with 0 if it succeeded. It exits with 1 after an error, which is one line on standard error,
and with 2 if its options or arguments are wrong. The sections say where exit codes have another meaning."""


def commands(
    group: click.Group = main, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """Yield the full name and the context of `group` and of each command below it, in order of names."""
    here = parent or click.Context(
        group,
        info_name="cc-bridge",
        max_content_width=_WIDTH,
        terminal_width=_WIDTH,
        **group.context_settings,
    )
    yield here.command_path, here
    for name, command in sorted(group.commands.items()):
        context = click.Context(command, parent=here, info_name=name, **command.context_settings)
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            yield context.command_path, context


def page() -> str:
    """Return the page: a table of all commands, then a section for each command with its help text."""
    found = list(commands())
    rows = [
        f"| [`{name}`](#{name.replace(' ', '-')}) | {_summary(context.command)} |"
        for name, context in found
        if not isinstance(context.command, click.Group)
    ]
    table = "\n".join(["| command | purpose |", "| --- | --- |", *rows])
    sections = [f"## {name}\n\n```text\n{context.get_help().rstrip()}\n```" for name, context in found]
    return "\n\n".join([_INTRO, table, *sections]) + "\n"


def _summary(command: click.Command) -> str:
    """Return the first sentence of the command's help, not shortened."""
    return command.get_short_help_str(limit=1000).replace("|", "\\|")
