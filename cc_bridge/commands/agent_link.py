"""The command `agent link`, which prints the link to the page of one agent's own figures."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config, say
from cc_bridge.safe_text.printable import printable

if TYPE_CHECKING:
    from cc_bridge.config import Config
    from cc_bridge.config.http import HttpConfig

__all__ = ["agent"]

_DAY = 86_400  # seconds
_SUGGESTION_SECONDS = 90 * _DAY  # agents seen in this period are suggested for an unknown name
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound


@click.group()
def agent() -> None:
    """Give an agent access to a page with their own figures.

    \b
    Example:  cc-bridge agent link Sara
    """


@agent.command()
@config_option
@click.argument("name")
@click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, help="Days until the link expires."
)
@click.option(
    "--url",
    default="",
    help="Base URL of the daemon for agents, such as https://cc.example.com. Default: http.host and"
    " http.port of the configuration.",
)
def link(name: str, days: int, url: str, path: Path | None) -> None:
    """Print a link to the page of the agent NAME (the agent's name in the PBX's queues).

    The link opens the page of this agent only; give it to no other person. It expires after --days. A change
    of http.token invalidates all links. A warning is printed if the database does not know the agent.

    \b
    Examples:  cc-bridge agent link Sara
               cc-bridge agent link Sara --days 30 --url https://cc.example.com
    """
    from time import time

    from cc_bridge.web.access.agent_links import AgentLinks

    config = load_config(path)
    token = config.http.access_token()
    if not token:
        raise click.ClickException(
            "agent links need an access token: set http.token_file (create one with openssl rand -hex 32)"
            " and restart the daemon"
        )
    if not name.strip() or name != printable(name):
        raise click.BadParameter("must be an agent's name", param_hint="NAME")
    now = int(time())
    until = now + days * _DAY
    base = (url or _address(config.http)).rstrip("/")
    say(f"{base}/agent#{AgentLinks(token, config.pbx.name).sign(name, until)}")
    if warning := _unknown_agent(config, name, now):
        say(f"warning: {warning}", err=True)


def _unknown_agent(config: "Config", name: str, now: float) -> str:
    """Return a warning that the database does not know the agent, or that the database cannot be read.

    The text is empty if the agent is known or if there is no database yet. The schema is not upgraded, since
    the user who runs this command may differ from the daemon's user.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from cc_bridge.errors import StorageError
    from cc_bridge.storage.engine import make_engine
    from cc_bridge.storage.queries.agents_and_queues import agents_since, is_agent

    storage, pbx = config.storage, config.pbx.name
    try:
        engine = make_engine(storage.url)
        if not storage.on_server and not Path(str(engine.url.database)).exists():
            return ""  # SQLite would create the file
        try:
            with engine.connect() as connection:
                if is_agent(connection, pbx, name):
                    return ""
                others = agents_since(connection, pbx, now - _SUGGESTION_SECONDS)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError) as error:
        why = " ".join(str(getattr(error, "orig", error)).split())
        return f"cannot check whether the agent {name!r} exists: {why}"
    return f"the PBX {pbx!r} has no recorded agent {name!r}{_suggestion(name, others)}"


def _suggestion(name: str, others: list[str]) -> str:
    """Return the question "did you mean ...?" with up to three agents' names that are similar to `name`.

    The text is empty if no name in `others` is similar.
    """
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in others}
    found = [folded[each] for each in get_close_matches(name.casefold(), folded, n=3)]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def _address(http: "HttpConfig") -> str:
    """Return the base URL of the daemon, from the address on which its HTTP server listens.

    If the server listens on all addresses, the URL contains the name of this machine.
    """
    from socket import gethostname

    host = http.host
    name = gethostname() if host in _EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    return f"http{'s' if http.has_tls else ''}://{name}:{http.port}"
