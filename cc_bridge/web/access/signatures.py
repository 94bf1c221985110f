"""Signed values that only this daemon can have made; itsdangerous signs them with a key from http.token.

The purpose of a value is part of the key, so a value that was signed for one purpose, such as a session, is
not valid for another. Each value contains its expiry time. The code that calls `loads` must check this time.

The age check of itsdangerous is not used, because it rejects a signature whose time is in the future. If the
PBX's clock is set back a little, the times of earlier signatures are in the future, but these signatures must
stay valid.
"""

from hashlib import sha256

from itsdangerous import URLSafeSerializer

__all__ = ["signed_values"]


def signed_values(token: str, purpose: str) -> URLSafeSerializer:
    """Return an object that signs values for one purpose with `dumps` and verifies them with `loads`.

    `token` is the secret from which the signing key is made. `loads` raises BadData if the signature is not
    valid.
    """
    signer = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer(token, salt=purpose, signer_kwargs=signer)
