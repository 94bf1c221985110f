"""The certificate of the HTTP server: what cannot be used is an error of one line that names the option."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cc_bridge.config import Config
from cc_bridge.config.startup import secret_faults
from cc_bridge.errors import ConfigError
from support.webhook_receiver import certificate


def private_key(passphrase=None):
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


@pytest.fixture
def both(tmp_path):
    """Return the options of a certificate and its key, which are one file."""
    certificate(tmp_path)
    return {"tls_certificate": tmp_path / "server.pem", "tls_key": tmp_path / "server.pem"}


def test_a_certificate_with_its_key_is_used(both):
    options = Config(http=both).http.certificate()
    assert options.getContext() is not None
    assert Config().http.certificate() is None


def test_the_certificates_up_to_the_root_are_sent_too(both, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_bytes((tmp_path / "server.pem").read_bytes() + (tmp_path / "ca.pem").read_bytes())
    options = Config(http=both | {"tls_certificate": chain}).http.certificate()
    assert len(options.extraCertChain) == 1


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("tls_certificate", None, "cannot be read: no such file"),
        ("tls_certificate", b"", "has no certificate in PEM format"),
        ("tls_certificate", private_key(), "has no certificate in PEM format"),
        ("tls_certificate", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "no certificate"),
        ("tls_certificate", b"x" * 2_000_000, "larger than 1024 KiB"),
        ("tls_key", None, "cannot be read: no such file"),
        ("tls_key", b"\x00\xff", "has no key in PEM format"),
        ("tls_key", private_key(b"passphrase"), "or one with a passphrase"),
        ("tls_key", private_key(), "is not the key of http.tls_certificate"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_one_line(both, tmp_path, option, content, says):
    file = tmp_path / "other.pem"
    if content is not None:
        file.write_bytes(content)
    config = Config(http=both | {option: file})
    with pytest.raises(ConfigError) as error:
        config.http.certificate()
    text = str(error.value)
    assert text.startswith(f"http.{option} = '{file}': ")
    assert says in text
    assert "\n" not in text
    assert text in secret_faults(config)
