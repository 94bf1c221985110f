"""Section [digest]: recipients, schedule and mail server of digests."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Section, only_one, password_of
from cc_bridge.errors import ConfigError

__all__ = ["OWNER", "DigestConfig"]

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
OWNER = r"[a-z0-9][a-z0-9_.-]{0,31}"  # it becomes part of file names
# Addresses that every mail server accepts. Nothing in them can end a line of a mail header or of SMTP.
_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?$"

Address = Annotated[str, Field(pattern=_ADDRESS)]


class DigestConfig(Section):
    """Recipients, schedule and mail server of digests."""

    enabled: bool = False
    frequency: Literal["day", "week", "month"] = "week"
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    hour: int = Field(default=7, ge=0, le=23)
    recipients: list[Address] = []
    owner_addresses: dict[Annotated[str, Field(pattern=f"^{OWNER}$")], Address] = {}
    sender: str = Field(default="", pattern=f"^$|{_ADDRESS}")
    sender_name: str = Field(default="cc_bridge", pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,64}$")
    smtp_host: str = Field(default="", pattern=r"^[A-Za-z0-9.:_-]{0,255}$")
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
