"""For agents themselves: `agent link`."""

from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config

__all__ = ["agent"]

_DAY = 86_400  # seconds
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - looked for, not listened on


@click.group()
def agent() -> None:
    """Let an agent see their own figures.

    \b
    Example:  cc-bridge agent link Sara
    """


@agent.command()
@config_option
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it opens.")
@click.option("--url", default="", help="How agents reach the daemon, such as https://cc.example.com.")
def link(name: str, days: int, url: str, path: Path | None) -> None:
    """Print the link that opens the page of the agent NAME, as the PBX names them, and nobody else's.

    Give it to that agent alone. It ends after its days, and all links end when http.token changes.

    \b
    Examples:  cc-bridge agent link Sara
               cc-bridge agent link Sara --days 30 --url https://cc.example.com
    """
    from time import time

    from cc_bridge.web.links import Links

    config = load_config(path)
    token = config.http.access_token()
    if not token:
        raise click.ClickException(
            "an agent's page needs a token: set http.token_file (openssl rand -hex 32) and restart the daemon"
        )
    if not name.strip() or not name.isprintable():
        raise click.BadParameter("must be an agent's name", param_hint="NAME")
    until = int(time()) + days * _DAY
    base = (url or _address(config.http.host, config.http.port)).rstrip("/")
    click.echo(f"{base}/agent#{Links(token, config.pbx.name).key(name, until)}")


def _address(host: str, port: int) -> str:
    from socket import gethostname

    name = gethostname() if host in _EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
