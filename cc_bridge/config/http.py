"""Section [http]: the address, limits and access token of the HTTP server."""

import re
from ipaddress import ip_network

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Section, password_of
from cc_bridge.errors import ConfigError

__all__ = ["HttpConfig"]

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # characters that need no quoting in a URL or a header


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
        if self.token_file is not None and self.token.get_secret_value():
            raise ValueError("give token or token_file, not both")
        return self

    def access_token(self) -> str:
        """Return the access token; empty if none is set.

        Raises ConfigError if the token file cannot be read or the token is not valid.
        """
        token = password_of(self.token, self.token_file, "http.token_file")
        unset = not token and self.token_file is None
        if not unset and not _TOKEN.fullmatch(token):
            raise ConfigError("http.token: must have 16 to 200 characters: letters, digits, and . _ ~ -")
        return token
