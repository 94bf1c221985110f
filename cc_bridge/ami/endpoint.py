"""The client endpoint of the manager interface, with TLS if it is configured."""

from pathlib import Path
from typing import Any, Protocol

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from cc_bridge.ami.tls import over_tls

__all__ = ["ManagerAddress", "ami_endpoint"]


class ManagerAddress(Protocol):
    """The address of the manager interface and the settings of the connection.

    response_timeout_seconds: also the timeout of the connection attempt
    tls_ca_file: PEM file with the trusted authorities; None: those of this machine
    """

    host: str
    port: int
    response_timeout_seconds: float
    tls: bool
    tls_ca_file: Path | None


def ami_endpoint(address: ManagerAddress, reactor: Any) -> IStreamClientEndpoint:
    """Return the endpoint of the manager interface.

    With TLS, the certificate must be valid for the host. It must be signed by an authority in `tls_ca_file`
    (PEM), or, without this file, by an authority that the system trusts. Raises ConfigError if the file
    cannot be read.
    """
    endpoint: IStreamClientEndpoint = HostnameEndpoint(
        reactor, address.host, address.port, timeout=address.response_timeout_seconds
    )
    return over_tls(endpoint, address.host, address.tls_ca_file) if address.tls else endpoint
