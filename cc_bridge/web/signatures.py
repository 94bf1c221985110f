"""Values that only this daemon can have made: signed by itsdangerous with a key derived from http.token.

The purpose is part of the key, so that a value signed for one purpose is worth nothing for another. Each
value holds the instant of its end. itsdangerous could check the age of a signature instead, but it refuses
one from the future, and the PBX's clock may be put back a little at any time.
"""

from hashlib import sha256

from itsdangerous import URLSafeSerializer

__all__ = ["signed_values"]


def signed_values(token: str, purpose: str) -> URLSafeSerializer:
    """Return what signs values (`dumps`) and verifies them (`loads`, which raises BadData)."""
    signer = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer(token, salt=purpose, signer_kwargs=signer)
