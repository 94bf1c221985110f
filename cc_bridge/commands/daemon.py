"""Running it: `run`, `demo`, `check` of the configuration, and `health` of a daemon that runs."""

from http import HTTPStatus
from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config

__all__ = ["check", "demo", "health", "run"]

_HEALTH_SECONDS = 3.0  # the page is made in the reactor, which never takes so long


@click.command()
@config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    SIGTERM: no more surveys begin, those that run may finish within
    run.shutdown_timeout_seconds, what is left is written, exit code 0. SIGHUP: the configuration is loaded
    again; a bad one is refused.

    \b
    Example:  cc-bridge run --config /etc/cc-bridge/cc-bridge.toml
    """
    from cc_bridge.daemon import main as daemon

    daemon.run(load_config(path), lambda: load_config(path))


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
    from cc_bridge.config.survey_files import load_surveys
    from cc_bridge.daemon.jobs.digests import check_digest

    config = load_config(path)
    load_surveys(config)
    config.ami.password()
    config.callers.caller_keys()
    config.http.access_token()
    check_digest(config)
    for webhook in config.webhooks:
        webhook.keys()
    click.echo(show(config))


@click.command()
@config_option
def health(path: Path | None) -> None:
    """Ask the daemon on this machine whether it is alive; exit code 1 when it must be restarted.

    What a container's health check runs. Whether it has all that it needs, such as the PBX, says /readyz.

    \b
    Example:  cc-bridge health || systemctl restart cc-bridge
    """
    from http.client import HTTPConnection, HTTPException

    http = load_config(path).http
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104  # nothing is bound
    connection = HTTPConnection(host, http.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        raise click.ClickException(f"no answer from {host}:{http.port}: {error}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise click.ClickException(text)
    click.echo(text)
