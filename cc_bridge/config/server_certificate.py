"""The certificate of the HTTP server: read from two PEM files, and checked before it is used."""

from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL
from twisted.internet.ssl import CertificateOptions, TLSVersion

from cc_bridge.errors import ConfigError, UnreadableFile
from cc_bridge.safe_text.text_files import read_bytes

__all__ = ["server_certificate"]


def server_certificate(certificate: Path, key: Path) -> CertificateOptions:
    """Return the options of TLS connections with a certificate and its key, for TLS 1.2 and 1.3.

    The file `certificate` has the server's certificate first, and then the intermediate certificates. Raises
    ConfigError if a file cannot be read or has no certificate or key. A key with a passphrase, or of another
    certificate, raises ConfigError too. The error is one line that names the option.
    """
    private: Any
    options: Any = CertificateOptions  # Twisted's types are the older ones of pyOpenSSL
    try:
        chain = load_pem_x509_certificates(_content(certificate, "http.tls_certificate"))
    except ValueError as error:
        raise ConfigError(
            f"http.tls_certificate = {str(certificate)!r}: has no certificate in PEM format"
        ) from error
    try:
        private = load_pem_private_key(_content(key, "http.tls_key"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"http.tls_key = {str(key)!r}: has no key in PEM format, or one with a passphrase"
        ) from error
    made: CertificateOptions = options(
        private,
        chain[0],
        extraCertChain=chain[1:],
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableProtocols=[b"http/1.1"],
    )
    try:
        made.getContext().check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise ConfigError(f"http.tls_key = {str(key)!r}: is not the key of http.tls_certificate") from error
    return made


def _content(file: Path, option: str) -> bytes:
    try:
        return read_bytes(file)
    except UnreadableFile as error:
        raise ConfigError(f"{option} = {str(file)!r}: {error}") from error
