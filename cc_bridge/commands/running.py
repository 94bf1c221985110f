"""Running it: `run`, `demo`, and `check` of the configuration."""

from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config

__all__ = ["check", "demo", "run"]


@click.command()
@config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    SIGTERM: no more surveys begin, those that run may finish within run.stop_seconds, what is left is
    written, exit code 0. SIGHUP: the configuration is loaded again; a bad one is refused.

    \b
    Example:  cc-bridge run --config /etc/cc-bridge/cc-bridge.toml
    """
    from cc_bridge import daemon

    daemon.run(lambda: load_config(path))


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0), help="End after so many seconds; else by Ctrl-C.")
def demo(*, seconds: float | None) -> None:
    """Show it all without an Asterisk: a recorded contact centre, and a table of its queues.

    Callers wait, talk, and rate the agent on their keypad. Nothing leaves this machine, nothing is kept.

    \b
    Example:  cc-bridge demo --seconds 120
    """
    from cc_bridge.demo import demo

    demo(seconds)


@click.command()
@config_option
def check(path: Path | None) -> None:
    """Print the configuration in force, secrets masked, or every error in it.

    \b
    Example:  CC_BRIDGE_AMI__HOST=10.0.0.5 cc-bridge check -c cc-bridge.toml
    """
    from cc_bridge.config import show
    from cc_bridge.parts import load_surveys

    config = load_config(path)
    load_surveys(config)
    config.ami.password()
    config.callers.caller_keys()
    click.echo(show(config))
