"""What is well and what is not, on the PBX and here: `doctor`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import config_file, config_option, load_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from cc_bridge.doctor.check_result import CheckResult

__all__ = ["doctor"]


@click.command()
@config_option
@click.option("--json", "json_object", is_flag=True, help="One JSON object, its fields stable.")
@click.option(
    "--call", is_flag=True, help="Let the PBX call the daemon, as the user of [callback]; no phone rings."
)
@click.option(
    "--sounds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The PBX's folder of sounds; else the one that it names, if this machine has it.",
)
@click.pass_context
def doctor(
    ctx: click.Context, path: Path | None, sounds: Path | None, *, json_object: bool, call: bool
) -> None:
    """Say of each part, here and on the PBX, whether it is well, and if not, what to do.

    Changes nothing; a running daemon is not disturbed. Exit code 0: all is well, 1: warnings, 2: failures.
    What could not be looked at is told as `skip`, with the way to look, and counts as well.

    \b
    Examples:  cc-bridge doctor
               cc-bridge doctor --call --sounds /mnt/pbx/sounds
               cc-bridge doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    from cc_bridge.doctor.check_result import as_json, as_text, exit_code

    findings: list[CheckResult] = []

    def tell(finding: "CheckResult") -> None:
        findings.append(finding)
        if not json_object:
            click.echo(as_text(finding))

    _examine(path, tell, call=call, sounds=sounds)
    if json_object:
        click.echo(json.dumps(as_json(findings), ensure_ascii=False, indent=1))
    ctx.exit(exit_code(findings))


def _examine(
    path: Path | None, tell: "Callable[[CheckResult], None]", *, call: bool, sounds: Path | None
) -> None:
    from cc_bridge.doctor.config_and_secrets import faulty
    from cc_bridge.errors import ConfigError

    try:
        config = load_config(path)
    except ConfigError as error:
        for finding in faulty(error):
            tell(finding)
        return
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from cc_bridge.doctor.runner import DoctorRun

    def examine(reactor: Any) -> Deferred[None]:
        examination = DoctorRun(
            config, config_file(path), reactor, tell, with_call=call, sounds_folder=sounds
        )
        return Deferred.fromCoroutine(examination.run())

    try:
        react(examine)
    except SystemExit as end:  # react's way to end; a fault of ours is on standard error by now
        if end.code:
            raise
