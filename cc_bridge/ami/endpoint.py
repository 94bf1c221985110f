"""The client endpoint of the manager interface, with TLS where it is configured."""

from pathlib import Path
from typing import Any, Protocol

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from cc_bridge.ami.tls import over_tls

__all__ = ["ManagerAddress", "ami_endpoint"]


class ManagerAddress(Protocol):
    """Where the manager interface listens; `response_timeout_seconds` also limits the connection attempt."""

    host: str
    port: int
    response_timeout_seconds: float
    tls: bool
    tls_ca_file: Path | None


def ami_endpoint(address: ManagerAddress, reactor: Any) -> IStreamClientEndpoint:
    """Return the endpoint to connect to.

    With TLS the certificate must be valid for the host and signed by an authority of `tls_ca_file` (PEM),
    or by one that the system trusts. Raises ConfigError for a file that cannot be read.
    """
    endpoint: IStreamClientEndpoint = HostnameEndpoint(
        reactor, address.host, address.port, timeout=address.response_timeout_seconds
    )
    return over_tls(endpoint, address.host, address.tls_ca_file) if address.tls else endpoint
