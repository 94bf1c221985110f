"""Section [agi]: the address, secret and limits of the FastAGI server."""

from pydantic import Field, SecretStr, model_validator

from cc_bridge.config.fields import OptionalPath, Section, only_one, url_safe_secret

__all__ = ["AgiConfig"]


class AgiConfig(Section):
    """Address, secret and limits of the FastAGI server."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=14573, ge=0, le=65535)
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    max_callers: int = Field(default=100, ge=1, le=5000)
    max_pending_connections: int = Field(default=1000, ge=10, le=10_000)
    max_session_seconds: float = Field(default=240, ge=5, le=900)
    max_header_lines: int = Field(default=100, ge=20, le=1000)
    max_header_bytes: int = Field(default=16384, ge=1024, le=1048576)
    header_timeout_seconds: float = Field(default=5, ge=0.5, le=60)

    @model_validator(mode="after")
    def _one_secret(self) -> "AgiConfig":
        only_one(self.secret, self.secret_file)
        return self

    def request_secret(self) -> str:
        """Return the secret that each FastAGI request must have; empty if none is set.

        Raises ConfigError if the secret file cannot be read or the secret is not valid.
        """
        return url_safe_secret(self.secret, self.secret_file, "agi.secret")
