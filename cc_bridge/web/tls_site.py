"""TLS for the HTTP site; the certificate may be replaced while the site answers."""

from typing import Any

from OpenSSL.SSL import Context
from twisted.internet.interfaces import IAddress, IOpenSSLContextFactory, IProtocolFactory
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

__all__ = ["TlsSite"]


@implementer(IOpenSSLContextFactory)
class _Newest:
    """The source of the OpenSSL context of each new connection."""

    def __init__(self, site: "TlsSite") -> None:
        self._site = site

    def getContext(self) -> Context:  # noqa: N802 - Twisted's name
        return self._site.options.getContext()


class TlsSite(TLSMemoryBIOFactory):
    """The factory of TLS connections to a site; `options` hold the certificate of new connections."""

    def __init__(self, options: CertificateOptions, site: IProtocolFactory, clock: Any = None) -> None:
        self.options = options
        super().__init__(_Newest(self), isClient=False, wrappedFactory=site, clock=clock)

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        """Return the protocol of a new connection; None, which closes it, if the site has no room."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)
