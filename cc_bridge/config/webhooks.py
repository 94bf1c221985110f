"""Section [[webhooks]]: the receivers of events, their secrets and retry limits."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from cc_bridge.config.fields import (
    LOW_RATING_DEFAULTS,
    LOW_RATINGS,
    OptionalPath,
    Section,
    only_one,
    password_of,
)
from cc_bridge.errors import ConfigError
from cc_bridge.kpis.question_kinds import ScaleKind
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["WebhookConfig"]

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class WebhookConfig(Section):
    """One receiver of webhook events."""

    name: Annotated[str, text_like(r"[a-z0-9_-]{1,32}", "1 to 32 of the characters a-z 0-9 _ -")]
    url: Annotated[
        str,
        text_like(r"https?://[!-~]{1,2000}", "an address that starts with https:// and has no spaces"),
        Field(repr=False),
    ]
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    events: list[
        Literal[
            "call_ended",
            "rating_given",
            "low_rating",
            "survey_completed",
            "follow_up_opened",
            "follow_up_closed",
        ]
    ] = [
        "call_ended",
        "rating_given",
        "low_rating",
        "survey_completed",
        "follow_up_opened",
        "follow_up_closed",
    ]
    low_ratings: Annotated[dict[ScaleKind, int], *LOW_RATINGS] = LOW_RATING_DEFAULTS
    allow_http: bool = False
    tls_ca_file: OptionalPath = None
    timeout_seconds: float = Field(default=15, ge=1, le=120)
    max_backoff_seconds: float = Field(default=3600, ge=5, le=86400)
    max_attempts: int = Field(default=100, ge=1)
    max_age_days: float = Field(default=3, gt=0, le=30)
    max_pending: int = Field(default=10_000, ge=100, le=1_000_000)

    @model_validator(mode="after")
    def _one_secret(self) -> "WebhookConfig":
        only_one(self.secret, self.secret_file)
        return self

    @model_validator(mode="after")
    def _safe_address(self) -> "WebhookConfig":
        address = urlsplit(self.url)
        if not address.hostname or address.username is not None or address.fragment:
            raise ValueError("url must be like https://example.com/events, without user name and #fragment")
        if address.scheme == "http" and address.hostname not in _THIS_MACHINE and not self.allow_http:
            raise ValueError(
                "url must start with https://, since events contain personal data;"
                " set allow_http = true to use http:// in a private network"
            )
        return self

    def keys(self) -> tuple[bytes, ...]:
        """Return the signing keys in the order of the configured secrets.

        Raises ConfigError if the secret cannot be read or is not valid.
        """
        from cc_bridge.webhooks.signing import keys_of  # noqa: PLC0415 - only needed with webhooks

        key = f"webhooks.{self.name}.secret"
        try:
            return keys_of(password_of(self.secret, self.secret_file, f"{key}_file"))
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from error
