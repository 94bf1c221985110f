"""The command `doctor`: it checks the installation on this machine and on the PBX."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import config_file, config_option, load_config, say_lines
from cc_bridge.safe_text.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from cc_bridge.doctor.check_result import CheckResult

__all__ = ["doctor"]


@click.command()
@config_option
@click.option("--json", "json_object", is_flag=True, help="Print one JSON object with stable field names.")
@click.option(
    "--call",
    is_flag=True,
    help="Make the PBX place a test call to the daemon, with the manager user of [callback]. No phone rings.",
)
@click.option(
    "--sounds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The PBX's sounds directory. Default: the directory that the PBX reports, if this machine has it.",
)
@click.pass_context
def doctor(
    ctx: click.Context, path: Path | None, sounds: Path | None, *, json_object: bool, call: bool
) -> None:
    """Check the daemon, PBX, database and mail server, and print a remedy for each problem.

    The command is read-only and does not disturb a running daemon. Exit code 0: no problem, 1: warnings,
    2: failures. A check that could not be made is shown as `skip`, with a way to make it by hand. A skipped
    check counts as no problem.

    \b
    Examples:  cc-bridge doctor
               cc-bridge doctor --call --sounds /mnt/pbx/sounds
               cc-bridge doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    from cc_bridge.doctor.check_result import as_json, as_text, exit_code

    results: list[CheckResult] = []

    def add(result: "CheckResult") -> None:
        results.append(result)
        if not json_object:
            say_lines(as_text(result))

    _run_checks(path, add, call=call, sounds=sounds)
    if json_object:
        say_lines(json_text(as_json(results), 1))
    ctx.exit(exit_code(results))


def _run_checks(
    path: Path | None, add: "Callable[[CheckResult], None]", *, call: bool, sounds: Path | None
) -> None:
    """Run all checks in a Twisted reactor; `add` receives each result as soon as it is known.

    With `call`, the PBX also places a test call, which rings no phone. `sounds` is the sounds directory of
    the option --sounds.
    """
    from cc_bridge.doctor.config_and_secrets import config_errors
    from cc_bridge.errors import ConfigError

    try:
        config = load_config(path)
    except ConfigError as error:
        for result in config_errors(error):
            add(result)
        return
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from cc_bridge.doctor.runner import DoctorRun

    def run(reactor: Any) -> Deferred[None]:
        doctor_run = DoctorRun(config, config_file(path), reactor, add, with_call=call, sounds_folder=sounds)
        return Deferred.fromCoroutine(doctor_run.run())

    try:
        react(run)
    except SystemExit as end:  # react always raises it; an error of cc_bridge was already printed
        if end.code:
            raise
