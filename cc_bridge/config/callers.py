"""Sections [callers] and [customers]: storage of callers' numbers, and recognition of customers."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import NOT_RETIRED, OptionalPath, Section, secret_in
from cc_bridge.customers.profile import Priorities
from cc_bridge.errors import ConfigError
from cc_bridge.kpis.question_kinds import RatingKind
from cc_bridge.privacy.caller_keys import CallerKeys, Mode
from cc_bridge.queue_names import queue_key
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["CallersConfig", "CustomersConfig"]

# Characters. With a guessable secret, all phone numbers of a country can be hashed and compared quickly.
_SHORTEST_SECRET = 16


class CallersConfig(Section):
    """Form in which callers' numbers are stored, and the secret of their hashes."""

    country_code: Annotated[
        str, text_like(r"([1-9][0-9]{0,2})?", "1 to 3 digits without + or 00, such as 98, or empty")
    ] = ""
    number_storage: Mode = "plain"
    hash_secret: SecretStr = SecretStr("")
    hash_secret_file: OptionalPath = None

    @model_validator(mode="after")
    def _one_secret(self) -> "CallersConfig":
        given = bool(self.hash_secret.get_secret_value()) + (self.hash_secret_file is not None)
        if given > 1 or (self.number_storage != "plain" and not given):
            raise ValueError("masked and hashed numbers need hash_secret or hash_secret_file, not both")
        return self

    def caller_keys(self) -> CallerKeys:
        """Return the generator of caller keys.

        Raises ConfigError if the secret cannot be read or is too short.
        """
        secret = self.hash_secret.get_secret_value()
        if self.hash_secret_file is not None:
            secret = secret_in(self.hash_secret_file, "callers.hash_secret_file")
        elif not secret:  # only plain numbers need no secret
            return CallerKeys("plain", country=self.country_code)
        if len(secret) < _SHORTEST_SECRET:
            raise ConfigError(f"callers.hash_secret: must have at least {_SHORTEST_SECRET} characters")
        return CallerKeys(self.number_storage, secret.encode(), self.country_code)


class CustomersConfig(Section):
    """Settings of customer recognition and of the caller lookup before a queue."""

    region: Annotated[str, text_like(r"([A-Z]{2})?", "two capital letters such as IR, or empty")] = ""
    shared_numbers: list[str] = []
    queue_groups: dict[str, list[str]] = {}
    rating_kind: Annotated[RatingKind, NOT_RETIRED] = "csat"
    low_rating_max: int = Field(default=2, ge=0, le=10)
    priority_after_low_rating: int = Field(default=0, ge=0, le=1000)
    priority_after_lost_call: int = Field(default=0, ge=0, le=1000)

    @field_validator("queue_groups")
    @classmethod
    def _one_group_each(cls, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        queues = [queue_key(queue) for group in groups.values() for queue in group]
        if len(set(queues)) < len(queues):
            raise ValueError("a queue belongs to one group only")
        return groups

    def priorities(self) -> Priorities:
        """Return the queue priorities of callers after a low rating or a lost call."""
        return Priorities(self.low_rating_max, self.priority_after_low_rating, self.priority_after_lost_call)

    def group(self, queue: str) -> str:
        """Return the name of the queue group that contains a queue. Without a group, return the queue's name.

        The option customers.queue_groups defines the groups. The case of `queue` is ignored.
        """
        key = queue_key(queue)
        groups = self.queue_groups.items()
        return next((name for name, queues in groups if key in map(queue_key, queues)), queue)
