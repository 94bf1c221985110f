"""The signature of webhook requests, by the specification Standard Webhooks 1.0. Pure.

The specification is at standardwebhooks.com. An endpoint verifies a signature with the specification's
library for its language, in one line. The signature is an HMAC-SHA256 of the bytes `id.timestamp.body`. The
timestamp is the time of the attempt, so that an endpoint can reject a replayed request.

A secret is `whsec_` followed by base64 of 24 to 64 bytes; the key is the decoded bytes. While endpoints
change to a new secret, both secrets sign each request, the new one first.
"""

import base64
import hmac
from collections.abc import Sequence

__all__ = ["headers", "keys_of"]

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes of a key, as in the specification


def keys_of(secrets: str) -> tuple[bytes, ...]:
    """Return the signing keys that one or more secrets contain; the secrets are separated by spaces.

    Raise ValueError for an invalid or missing secret; the error text does not contain the secret.
    """
    keys = []
    for secret in secrets.split():
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
            raise ValueError(f"must be {_PREFIX} followed by base64 of {_SHORTEST} to {_LONGEST} bytes; make"
                             ' one with: echo "whsec_$(openssl rand -base64 32)"')  # fmt: skip
        keys.append(key)
    if not keys:
        raise ValueError("is required, so that the endpoint can verify the sender")
    return tuple(keys)


def headers(keys: Sequence[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers webhook-id, webhook-timestamp and webhook-signature of a request.

    `timestamp` is the time of this attempt, in UTC seconds since the epoch. The header webhook-signature has
    one signature for each key.
    """
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
