"""TLS connections that verify the peer's certificate."""

import re
from pathlib import Path
from typing import Any

from OpenSSL.crypto import Error as CryptoError
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates

from cc_bridge.errors import ConfigError, UnreadableFile
from cc_bridge.safe_text.text_files import read_bytes

__all__ = ["over_tls", "trust_root"]


def over_tls(endpoint: IStreamClientEndpoint, host: str, ca_file: Path | None) -> IStreamClientEndpoint:
    """Return `endpoint` with TLS. The peer's certificate must be valid for `host`.

    `ca_file` holds the trusted certificate authorities. None means the authorities that this machine trusts.
    Raises ConfigError if the file cannot be read.
    """
    trust = trust_root(ca_file, "ami.tls_ca_file")
    return wrapClientTLS(optionsForClientTLS(host, trustRoot=trust), endpoint)


def trust_root(ca_file: Path | None, key: str) -> Any:
    """Return the trusted certificate authorities: those in the PEM file `ca_file`.

    If `ca_file` is None, return the authorities that this machine trusts. Raises ConfigError, which names the
    setting `key`, if the file cannot be read.
    """
    if ca_file is None:
        return platformTrust()
    try:
        authorities = [Certificate.loadPEM(part) for part in _pem_parts(read_bytes(ca_file))]
    except UnreadableFile as error:
        raise ConfigError(f"{key} = {str(ca_file)!r}: {error}") from error
    except CryptoError as error:
        raise ConfigError(f"{key} = {str(ca_file)!r}: cannot be read: {error}") from error
    return trustRootFromCertificates(authorities)


def _pem_parts(pem: bytes) -> list[bytes]:
    """Return each certificate in a PEM file with several certificates, as PEM."""
    return re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
