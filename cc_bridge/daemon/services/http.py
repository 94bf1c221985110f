"""The HTTP server of the daemon: metrics, health, wallboard and APIs.

The server's address is in the section `[http]` of the configuration.
"""

from twisted.web.resource import Resource

from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.health import Health
from cc_bridge.daemon.services.listening_service import ListeningService
from cc_bridge.daemon.services.wallboard_publisher import WallboardPublisher
from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.server import Scrape, site

__all__ = ["Http"]


class Http(ListeningService):
    """The HTTP server; `api` maps each name below the path /api to the resource that answers it."""

    def __init__(
        self, context: Context, scrape: Scrape, health: Health, board: WallboardPublisher, **api: Resource
    ) -> None:
        http = context.config.http
        auth = TokenAuth(http.host, http.access_token())
        pages = site(scrape, health.alive, health.ready, auth, board.current, board.stream, **api)
        super().__init__(context, http.host, http.port, pages)
