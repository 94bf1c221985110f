"""Compression of responses with gzip, for clients that accept it. Pure.

Only rendered pages and the files of the pages are compressed. A rendered page is compressed in the thread
that renders it, and a file at the start. Metrics and the JSON of APIs are not, because their compression
would delay the reactor. `server_sent_event.py` compresses an event once for all receivers.
"""

import gzip
import re

__all__ = ["LEAST_BYTES", "accepts_gzip", "compressed"]

LEAST_BYTES = 1024  # below, the response is one network packet in any case
_LEVEL = 6
_ENCODING = re.compile(r"\s*(gzip|x-gzip|\*)\s*(?:;\s*q=([0-9.]{1,5})\s*)?", re.IGNORECASE | re.ASCII)
_MOST_ENCODINGS = 20


def accepts_gzip(header: str) -> bool:
    """Return whether the header Accept-Encoding of a request allows gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in header.split(",")[:_MOST_ENCODINGS]:
        if found := _ENCODING.fullmatch(part):
            weights[found[1].lower()] = (found[2] or "1").strip("0.") != ""
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def compressed(body: bytes) -> bytes | None:
    """Return a body in gzip format; None if it is too short, or would not become shorter."""
    if len(body) < LEAST_BYTES:
        return None
    shorter = gzip.compress(body, _LEVEL, mtime=0)
    return shorter if len(shorter) < len(body) else None
