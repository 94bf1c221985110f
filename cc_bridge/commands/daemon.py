"""The commands `run`, `demo`, `check` (the configuration) and `health` (the running daemon)."""

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_file, config_option, load_config, say_lines

if TYPE_CHECKING:
    from cc_bridge.config import Config

__all__ = ["check", "demo", "health", "run"]

_HEALTH_SECONDS = 3.0  # a healthy reactor answers much faster


@click.command()
@config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    On SIGTERM the daemon stops accepting surveys and waits up to run.shutdown_timeout_seconds for running
    ones. It then writes all records and exits with code 0. On SIGHUP it reloads the configuration; an invalid
    configuration is rejected and the current one stays active.

    \b
    Example:  cc-bridge run --config /etc/cc-bridge/cc-bridge.toml
    """
    from cc_bridge.config import ConfigFile
    from cc_bridge.config.startup import check_startup
    from cc_bridge.daemon import main as daemon

    file = ConfigFile(config_file(path))

    def load() -> "Config":
        config = file.load()
        check_startup(config)
        return config

    daemon.run(load(), load)


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    help="Stop after this number of seconds. Default: run until Ctrl-C.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the configuration and the database in this directory, for report, digest and SQL. Default: a"
    " temporary directory.",
)
@click.option(
    "--days",
    type=click.IntRange(0, 60),
    default=30,
    show_default=True,
    help="Number of days before today of which calls are made up.",
)
def demo(*, seconds: float | None, keep: Path | None, days: int) -> None:
    """Demonstrate cc_bridge without Asterisk: a simulated contact centre with a table of its queues.

    Callers wait, talk, and rate the agent on their keypad. The database begins with a month of made-up calls.
    The demo does not contact other machines.

    \b
    Examples:  cc-bridge demo --seconds 120
               cc-bridge demo --keep /tmp/demo
    """
    from cc_bridge.demo import demo

    demo(seconds, keep, days)


@click.command()
@config_option
def check(path: Path | None) -> None:
    """Validate the configuration. Print the effective values with secrets masked, or every error.

    The command reads the survey files and secret files too, and rejects what the daemon would reject at its
    start.

    \b
    Example:  CC_BRIDGE_AMI__HOST=10.0.0.5 cc-bridge check -c cc-bridge.toml
    """
    from cc_bridge.config import ConfigFile, show
    from cc_bridge.config.startup import check_startup

    config = ConfigFile(config_file(path)).load()
    check_startup(config)
    say_lines(show(config))


@click.command()
@config_option
def health(path: Path | None) -> None:
    """Check whether the daemon on this machine is alive. Exit code 1: it must be restarted.

    This is the health check of the container image. It does not check the PBX and the database: see /readyz.

    \b
    Example:  cc-bridge health || systemctl restart cc-bridge
    """
    from http.client import HTTPException

    from cc_bridge.web.own_client import read_page

    http = load_config(path).http
    try:
        status, text = read_page(http.host, http.port, "/healthz", tls=http.has_tls, seconds=_HEALTH_SECONDS)
    except (OSError, HTTPException) as error:
        raise click.ClickException(f"no answer from {http.host}:{http.port}: {error}") from error
    if status != HTTPStatus.OK:
        raise click.ClickException(text.strip())
    say_lines(text.strip())
