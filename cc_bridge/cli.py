"""The `cc-bridge` command line.

Errors that a user can correct are printed in one line, without a traceback, and the exit code is 1.

The commands are in `commands/`. Each command imports its modules only when it runs. --help therefore answers
quickly, Ctrl-C during the imports reaches the command, and Twisted's reactor is installed only where needed.
"""

from typing import Any

import click

from cc_bridge import __version__
from cc_bridge.commands.agent_link import agent
from cc_bridge.commands.caller import caller
from cc_bridge.commands.customer import customer
from cc_bridge.commands.daemon import check, demo, health, run
from cc_bridge.commands.db import db
from cc_bridge.commands.digest import digest
from cc_bridge.commands.doctor import doctor
from cc_bridge.commands.follow_up import follow_up
from cc_bridge.commands.metrics import metrics
from cc_bridge.commands.opt_out import opt_out
from cc_bridge.commands.outbox import outbox
from cc_bridge.commands.prompts import prompts
from cc_bridge.commands.purge import purge
from cc_bridge.commands.queue_log import import_queue_log, reconcile, replay_command
from cc_bridge.commands.report import report
from cc_bridge.commands.setup import setup
from cc_bridge.commands.user import user
from cc_bridge.errors import CcBridgeError
from cc_bridge.safe_text.printable import printable_lines

__all__ = ["main"]


class _Commands(click.Group):
    """The group of all commands. It prints an error of cc_bridge in one line, without a traceback.

    Unprintable characters in the text of any error are escaped, since an error can quote a caller's name.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CcBridgeError as error:
            raise click.ClickException(printable_lines(str(error))) from error
        except click.ClickException as error:
            error.message = printable_lines(error.message)  # type: ignore[misc]  # final for type checkers only
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-bridge")
def main() -> None:
    """Measure queue calls on an Asterisk PBX, survey the callers, and store and export the results.

    \b
    Try it without Asterisk:          cc-bridge demo
    Start it beside an Asterisk PBX:  cc-bridge check && cc-bridge run
    Check the installation:           cc-bridge doctor
    """


for _command in (
    run,
    demo,
    check,
    setup,
    doctor,
    health,
    replay_command,
    reconcile,
    import_queue_log,
    opt_out,
    outbox,
    db,
    metrics,
    prompts,
    agent,
    caller,
    customer,
    follow_up,
    user,
    purge,
    report,
    digest,
):
    main.add_command(_command)
