"""Section [http]: the address, limits, access and TLS certificate of the HTTP server."""

from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Section, only_one, url_safe_secret
from cc_bridge.config.short_texts import ShortTexts
from cc_bridge.surveys.text_patterns import text_like

if TYPE_CHECKING:
    from twisted.internet.ssl import CertificateOptions

__all__ = ["HttpConfig"]


class HttpConfig(Section):
    """Address and limits of the HTTP server, and the token of its protected pages."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=14574, ge=0, le=65535)
    token: SecretStr = SecretStr("")
    token_file: OptionalPath = None
    max_connections: int = Field(default=200, ge=10, le=10_000)
    request_timeout_seconds: float = Field(default=10, ge=1, le=60)
    trusted_proxies: list[str] = ["127.0.0.1", "::1"]
    metrics_need_token: bool = False
    tls_certificate: OptionalPath = None
    tls_key: OptionalPath = None
    user_header: Annotated[
        str, text_like(r"([A-Za-z][A-Za-z0-9-]{0,63})?", "the name of a header, or empty")
    ] = ""
    user_header_role: Literal["", "viewer", "lead", "admin"] = ""
    grafana_url: Annotated[
        str,
        text_like(
            r"""(https?://[^\s"'<>]{1,500})?""", "an address such as https://grafana.example.com, or empty"
        ),
    ] = ""
    notice: ShortTexts = {}

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: list[str]) -> list[str]:
        for each in proxies:
            try:
                ip_network(each, strict=False)
            except ValueError as error:
                raise ValueError(f"{each!r}: must be an address or a network such as 10.0.0.0/8") from error
        return proxies

    @model_validator(mode="after")
    def _one_token(self) -> "HttpConfig":
        only_one(self.token, self.token_file, "token")
        return self

    @model_validator(mode="after")
    def _complete(self) -> "HttpConfig":
        """Raise ValueError for an option without the option that it needs."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("give both tls_certificate and tls_key, or none of them")
        if self.metrics_need_token and not self.token.get_secret_value() and self.token_file is None:
            raise ValueError("metrics_need_token needs token or token_file")
        if self.user_header_role and not self.user_header:
            raise ValueError("user_header_role needs user_header")
        return self

    @property
    def has_tls(self) -> bool:
        """Whether the HTTP server speaks TLS."""
        return self.tls_certificate is not None

    def certificate(self) -> "CertificateOptions | None":
        """Return the options of TLS connections; None without TLS.

        Raises ConfigError if the certificate or its key cannot be used.
        """
        if self.tls_certificate is None or self.tls_key is None:
            return None
        from cc_bridge.config.server_certificate import server_certificate  # noqa: PLC0415 - OpenSSL is slow

        return server_certificate(self.tls_certificate, self.tls_key)

    def access_token(self) -> str:
        """Return the access token; empty if none is set.

        Raises ConfigError if the token file cannot be read or the token is not valid.
        """
        return url_safe_secret(self.token, self.token_file, "http.token")
