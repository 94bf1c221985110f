"""Section [http]: the address, limits and access token of the HTTP server."""

from ipaddress import ip_network

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Section, only_one, url_safe_secret

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

    def access_token(self) -> str:
        """Return the access token; empty if none is set.

        Raises ConfigError if the token file cannot be read or the token is not valid.
        """
        return url_safe_secret(self.token, self.token_file, "http.token")
