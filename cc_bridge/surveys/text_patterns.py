"""Validators of texts: a pattern, and in words what the pattern allows. Pure.

Pydantic's own message for a pattern prints the regular expression, which few administrators can read.
"""

import re

from pydantic import AfterValidator

__all__ = ["text_like"]


def text_like(pattern: str, allowed: str) -> AfterValidator:
    """Return a validator that accepts a text only if the whole text matches `pattern`.

    `allowed` says in words what the pattern allows. It completes the error text "must be ...".
    """
    expression = re.compile(pattern)

    def check(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(f"must be {allowed}")
        return text

    return AfterValidator(check)
