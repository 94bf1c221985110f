"""Sections [pbx], [ami], [agents] and [direct_calls]: PBX, manager interface, agents, direct calls."""

from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from cc_bridge.config.fields import OptionalPath, Section, only_one, password_of
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["AgentsConfig", "AmiConfig", "DirectCallsConfig", "PbxConfig"]


class PbxConfig(Section):
    """Name of the PBX in the database and in metrics."""

    name: Annotated[
        str,
        Field(max_length=40),
        text_like(r"[A-Za-z0-9_.-]{1,40}", "1 to 40 of the characters A-Z a-z 0-9 _ . -"),
    ] = "pbx"


class AmiConfig(Section):
    """Connection to Asterisk's manager interface."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=5038, ge=1, le=65535)
    username: str = Field(default="cc_bridge", min_length=1)
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    tls: bool = False
    tls_ca_file: OptionalPath = None
    ping_interval_seconds: float = Field(default=1.5, ge=0.2, le=60)
    response_timeout_seconds: float = Field(default=10, ge=1, le=120)
    reconnect_max_seconds: float = Field(default=30, ge=1, le=3600)

    @model_validator(mode="after")
    def _one_secret(self) -> "AmiConfig":
        only_one(self.secret, self.secret_file)
        return self

    def password(self) -> str:
        """Return the secret of the manager user; empty if none is set.

        Raises ConfigError if the secret file cannot be read.
        """
        return password_of(self.secret, self.secret_file, "ami.secret_file")


class AgentsConfig(Section):
    """Pauses that count as wrap-up, and the longest wrap-up in seconds."""

    wrap_up_reasons: list[str] = []
    max_wrap_up_seconds: float = Field(default=1800, ge=1, le=86400)


class DirectCallsConfig(Section):
    """Whether calls without a queue are stored, and the dialplan contexts that decide their direction."""

    enabled: bool = False
    in_contexts: list[str] = ["from-trunk*", "from-pstn*", "from-did*"]
    out_contexts: list[str] = ["*dialout*", "*outbound*"]
    internal_contexts: list[str] = ["from-internal*"]
