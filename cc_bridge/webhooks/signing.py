"""Signs an event for one receiver, by the specification Standard Webhooks 1.0 (standardwebhooks.com). Pure.

Receivers verify it with the specification's library for their language, in one line. What is signed is
`id.timestamp.body`, bytes as they are sent, with HMAC-SHA256; the timestamp is that of the attempt, so that a
receiver can refuse a replayed request.

A secret is `whsec_` and base64 of 24 to 64 bytes; the key is the decoded bytes. Two secrets, the new one
first, both sign while receivers change from one to the other.
"""

import base64
import hmac
from collections.abc import Sequence

__all__ = ["headers", "keys_of"]

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes of a key, the specification's


def keys_of(secrets: str) -> tuple[bytes, ...]:
    """Return the keys of one or more secrets, separated by space. Raises ValueError, without their text."""
    keys = []
    for secret in secrets.split():
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
            raise ValueError(f"must be {_PREFIX} and base64 of {_SHORTEST} to {_LONGEST} bytes, such as"
                             ' "whsec_$(openssl rand -base64 32)" makes')  # fmt: skip
        keys.append(key)
    if not keys:
        raise ValueError("is needed, so that the receiver knows who sends")
    return tuple(keys)


def headers(keys: Sequence[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a request; `timestamp` is now, in seconds since the epoch."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
