"""Hashes of passwords: Argon2id of `cryptography`, in the text format of the reference implementation.

`cryptography` computes the hash without Python's global lock, so a thread that computes delays no caller.
It is installed in any case, because Twisted needs it for TLS; argon2-cffi would be one more dependency for
the same function. The parameters are the ones that OWASP recommends: 19 MiB of memory, two passes, one lane.
"""

import os
import unicodedata

__all__ = ["LEAST_LENGTH", "hash_password", "is_password"]

LEAST_LENGTH = 10  # characters of a new password
_MEMORY = 19_456  # KiB
_PASSES = 2
_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_LONGEST = 1000  # characters


def hash_password(password: str) -> str:
    """Return the hash of a password, with a new salt."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - slow; for log-ins only

    salt = os.urandom(_SALT_BYTES)
    made = Argon2id(salt=salt, length=_HASH_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY)
    return made.derive_phc_encoded(_bytes(password))


def is_password(password: str, password_hash: str) -> bool:
    """Return whether a password has this hash. It takes a tenth of a second: call it in a thread."""
    from cryptography.exceptions import InvalidKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    try:
        Argon2id.verify_phc_encoded(_bytes(password), password_hash)
    except InvalidKey:
        return False
    return True


def _bytes(password: str) -> bytes:
    """Return the bytes that are hashed.

    A character that keyboards write in several ways, such as a letter with an accent, becomes the same bytes.
    """
    return unicodedata.normalize("NFKC", password[:_LONGEST]).encode("utf-8", "replace")
