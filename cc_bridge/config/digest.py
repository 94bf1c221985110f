"""Section [digest]: recipients, schedule and mail server of digests."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Owner, Section, only_one, password_of
from cc_bridge.errors import ConfigError
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["DigestConfig"]

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
# Addresses that every mail server accepts. Nothing in them can end a line of a mail header or of SMTP.
_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?"

Address = Annotated[str, text_like(_ADDRESS, "an e-mail address such as sara@example.com")]


class DigestConfig(Section):
    """Recipients, schedule and mail server of digests."""

    enabled: bool = False
    frequency: Literal["day", "week", "month"] = "week"
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    hour: int = Field(default=7, ge=0, le=23)
    recipients: list[Address] = []
    owner_addresses: dict[Owner, Address] = {}
    sender: Annotated[
        str, text_like(f"|{_ADDRESS}", "an e-mail address such as reports@example.com, or empty")
    ] = ""
    sender_name: Annotated[
        str,
        text_like(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,64}", "up to 64 characters without a line break"),
    ] = "cc_bridge"
    smtp_host: Annotated[
        str, text_like(r"[A-Za-z0-9.:_-]{0,255}", "a host name or address, without a port")
    ] = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    tls_ca_file: OptionalPath = None
    username: str = Field(default="", max_length=255)
    password: SecretStr = SecretStr("")
    password_file: OptionalPath = None
    response_timeout_seconds: float = Field(default=30, ge=1, le=300)

    @field_validator("recipients")
    @classmethod
    def _once_each(cls, addresses: list[str]) -> list[str]:
        if len(set(addresses)) < len(addresses):
            raise ValueError("must name each address once")
        return addresses

    @model_validator(mode="after")
    def _one_password(self) -> "DigestConfig":
        only_one(self.password, self.password_file, "password")
        return self

    @model_validator(mode="after")
    def _no_unencrypted_password(self) -> "DigestConfig":
        if self.tls == "none" and self.username and self.smtp_host not in _THIS_MACHINE:
            raise ValueError("tls = none would send the password unencrypted: use starttls or implicit")
        return self

    @model_validator(mode="after")
    def _complete_if_enabled(self) -> "DigestConfig":
        if self.enabled and self.missing:
            raise ValueError(f"enabled needs {', '.join(self.missing)}")
        return self

    @property
    def missing(self) -> list[str]:
        """The names of required options that are not set. Digests can be sent only if there are none."""
        needed = {
            "smtp_host": self.smtp_host,
            "sender": self.sender,
            "recipients or owner_addresses": self.recipients or self.owner_addresses,
        }
        return [name for name, value in needed.items() if not value]

    def smtp_password(self) -> str:
        """Return the password for the mail server; empty if no login is configured.

        Raises ConfigError if the password file cannot be read, or if only one of user name and password is
        set.
        """
        password = password_of(self.password, self.password_file, "digest.password_file")
        if bool(password) != bool(self.username):
            raise ConfigError("digest: give username and password, or neither")
        return password

    def addressees(self) -> list[tuple[str, str]]:
        """Return one pair for each digest mail: the queue owner and the e-mail address.

        An empty owner means that the mail has the digest of all queues.
        """
        return [*self.owner_addresses.items(), *(("", address) for address in self.recipients)]
