"""The HTTP server of the daemon: metrics, health, wallboard and APIs.

The section `[http]` of the configuration has the server's address and limits.
"""

from twisted.logger import Logger
from twisted.web.resource import Resource

from cc_bridge.config import Config
from cc_bridge.daemon.process.open_files import shares
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.health import Health
from cc_bridge.daemon.services.listening_service import ListeningService
from cc_bridge.daemon.services.pages import Pages
from cc_bridge.daemon.services.wallboard_publisher import WallboardPublisher
from cc_bridge.errors import ConfigError
from cc_bridge.web.access.token_auth import BearerAuth
from cc_bridge.web.connection import HttpLimits
from cc_bridge.web.proxies import TrustedProxies
from cc_bridge.web.server import Scrape, site
from cc_bridge.web.tls_site import TlsSite

__all__ = ["Http"]

_log = Logger()


class Http(ListeningService):
    """The HTTP server; `api` maps each name below the path /api to the resource that answers it."""

    taken_over = ("http.max_connections", "http.request_timeout_seconds", "http.trusted_proxies")

    def __init__(
        self,
        context: Context,
        scrape: Scrape,
        health: Health,
        board: WallboardPublisher,
        pages: Pages,
        access: Access,
        **api: Resource,
    ) -> None:
        http = context.config.http
        self.site = site(
            scrape,
            health.alive,
            health.ready,
            access.wall,
            board.current,
            board.stream,
            context.reactor,
            _limits(context.config),
            TrustedProxies(http.trusted_proxies),
            pages.home,
            pages.resources,
            BearerAuth(http.host, http.access_token()) if http.metrics_need_token else None,
            pages.missing,
            **api,
        )
        certificate = http.certificate()
        self._tls = TlsSite(certificate, self.site, context.reactor) if certificate else None
        super().__init__(context, http.host, http.port, self._tls or self.site, self.site.room)

    def reconfigure(self, config: Config) -> None:
        """Apply a new configuration, and read the files of the certificate again."""
        super().reconfigure(config)
        if self._tls:
            try:
                self._tls.options = config.http.certificate() or self._tls.options
            except ConfigError as error:
                _log.error("{fault}; the certificate that was read before stays in force", fault=str(error))
        self.site.limits = _limits(config)
        self.site.proxies = TrustedProxies(config.http.trusted_proxies)


def _limits(config: Config) -> HttpLimits:
    return HttpLimits(shares(config).http, config.http.request_timeout_seconds)
