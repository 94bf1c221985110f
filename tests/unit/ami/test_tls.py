"""AMI over TLS with a real TLS listener: only a server with the right certificate is accepted."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory

from cc_bridge.ami.tls import over_tls
from cc_bridge.errors import ConfigError
from support.reactor_loop import result_of

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def certificate(host):
    """Return a self-signed certificate for `host` and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM), private


class SendsBanner(Protocol):
    def connectionMade(self):
        self.transport.write(BANNER)


class Hears(Protocol):
    def __init__(self):
        self.heard = Deferred()

    def dataReceived(self, data):
        self.heard.callback(data)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        if not self.heard.called:
            self.heard.errback(reason)


@pytest.fixture
def pbx(tmp_path):
    """Listen as pbx.example. Yield the port, and a CA file with its certificate and an unrelated one."""
    pem, key = certificate("pbx.example")
    both = tmp_path / "both.pem"
    both.write_bytes(key + pem)
    context = DefaultOpenSSLContextFactory(str(both), str(both))
    port = reactor.listenSSL(0, Factory.forProtocol(SendsBanner), context, interface="127.0.0.1")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificate("another.example")[0] + pem)
    yield port.getHost().port, ca_file
    result_of(port.stopListening())


def heard(port, host, ca_file):
    endpoint = over_tls(TCP4ClientEndpoint(reactor, "127.0.0.1", port), host, ca_file)
    return result_of(connectProtocol(endpoint, Hears()).addCallback(lambda client: client.heard))


def test_a_certificate_of_the_file_is_trusted(pbx):
    assert heard(pbx[0], "pbx.example", pbx[1]) == BANNER


def test_a_certificate_for_another_host_is_not(pbx):
    with pytest.raises(Exception, match=r"VerificationError|hostname mismatch|verify failed"):
        heard(pbx[0], "elsewhere.example", pbx[1])


def test_without_the_file_this_machines_authorities_count(pbx):
    with pytest.raises(Exception, match="verify failed"):
        heard(pbx[0], "pbx.example", None)


@pytest.mark.parametrize("content", [None, b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content):
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ami\.tls_ca_file = .*ca\.pem.*: cannot be read"):
        over_tls(TCP4ClientEndpoint(reactor, "127.0.0.1", 1), "pbx.example", ca_file)
