"""The key in a form: each page gets a new key, which is made from the same secret of the visitor.

Pages are compressed. If a page always had the same secret beside a text from its URL, the length of the
compressed page would show how much of the secret is in that text (the attack BREACH). So the page has a
random text and the secret's keyed hash of it.
"""

import hmac
import secrets

__all__ = ["form_key", "is_form_key"]

_NONCE_BYTES = 8


def form_key(secret: str) -> str:
    """Return a key for one page; empty for an empty secret."""
    if not secret:
        return ""
    nonce = secrets.token_hex(_NONCE_BYTES)
    return f"{nonce}.{_digest(secret, nonce)}"


def is_form_key(key: str, secret: str) -> bool:
    """Return whether a key was made with this secret; False for an empty secret."""
    nonce, _, shown = key.partition(".")
    return bool(secret) and hmac.compare_digest(shown.encode(), _digest(secret, nonce).encode())


def _digest(secret: str, nonce: str) -> str:
    return hmac.digest(secret.encode(), nonce.encode(), "sha256").hex()
