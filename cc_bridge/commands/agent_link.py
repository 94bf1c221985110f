"""For agents themselves: `agent link`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config

if TYPE_CHECKING:
    from cc_bridge.config import Config

__all__ = ["agent"]

_DAY = 86_400  # seconds
_LOOK_BACK = 90 * _DAY  # for names that are like the one that nobody has
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

    Give it to that agent alone. It ends after its days, and all links end when http.token changes. If the
    database has never seen such an agent, standard error says so.

    \b
    Examples:  cc-bridge agent link Sara
               cc-bridge agent link Sara --days 30 --url https://cc.example.com
    """
    from time import time

    from cc_bridge.web.agent_links import AgentLinks

    config = load_config(path)
    token = config.http.access_token()
    if not token:
        raise click.ClickException(
            "an agent's page needs a token: set http.token_file (openssl rand -hex 32) and restart the daemon"
        )
    if not name.strip() or not name.isprintable():
        raise click.BadParameter("must be an agent's name", param_hint="NAME")
    now = int(time())
    until = now + days * _DAY
    base = (url or _address(config.http.host, config.http.port)).rstrip("/")
    click.echo(f"{base}/agent#{AgentLinks(token, config.pbx.name).sign(name, until)}")
    if doubt := _doubt(config, name, now):
        click.echo(f"warning: {doubt}", err=True)


def _doubt(config: "Config", name: str, now: float) -> str:
    """Return why the page may stay empty; empty: the database knows the agent, or there is none to ask.

    It is asked as it is, not upgraded: whoever makes a link may not be the user of the daemon.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from cc_bridge.errors import StorageError
    from cc_bridge.storage.engine import make_engine
    from cc_bridge.storage.queries.agents_and_queues import agents_since, is_agent

    storage, pbx = config.storage, config.pbx.name
    try:
        engine = make_engine(storage.url)
        if not storage.on_server and not Path(str(engine.url.database)).exists():
            return ""  # to ask would make the file
        try:
            with engine.connect() as connection:
                if is_agent(connection, pbx, name):
                    return ""
                others = agents_since(connection, pbx, now - _LOOK_BACK)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError) as error:
        why = " ".join(str(getattr(error, "orig", error)).split())
        return f"nobody could look whether there is an agent {name!r}: {why}"
    return f"no agent {name!r} was ever seen at the PBX {pbx!r}{_like(name, others)}"


def _like(name: str, others: list[str]) -> str:
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in others}
    found = [folded[each] for each in get_close_matches(name.casefold(), folded, n=3)]
    return f"; is it {' or '.join(map(repr, found))}?" if found else ""


def _address(host: str, port: int) -> str:
    from socket import gethostname

    name = gethostname() if host in _EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
