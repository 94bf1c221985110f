"""URLs without their secrets, for output and error texts. Pure.

A password can be in many places: after the user's name, in an option, in the path of a webhook, or anywhere
in a URL with a mistake. So only those parts are shown that are known to contain no secret.
"""

import re

__all__ = ["MASK", "has_address", "redacted", "redacted_url"]

MASK = "********"

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^:/?#@]*)(?P<password>:[^/?#@]*)?@)?"
    r"(?P<address>[^/?#@]*)(?P<path>/[^?#@]*)?(?:\?(?P<query>[^#@]*))?"
)
# The same parts as SQLAlchemy finds.
_LOGIN_AND_ADDRESS = re.compile(r"[\w+]+://(?:[^:/]*(?::[^@]*)?@)?(?P<address>[^/?]*)")
_CREDENTIALS = re.compile(r"://|:[^@]*@")  # in any text that may be a URL, with or without its scheme
_USER = re.compile(r"[\w.-]*")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DATABASE = re.compile(r"/?|/[\w.$-]+")
_FILE = re.compile(r"[^:;=]*")
_PLAIN_OPTIONS = frozenset({"charset", "connect_timeout", "sslmode", "timeout"})
_OPTION = re.compile(r"\w{1,40}")
_PLAIN_VALUE = re.compile(r"[\w.-]{1,20}")


def has_address(url: str) -> bool:
    """Return whether a text is a URL whose host and port are valid.

    A user and a password before the host are skipped. An empty host is valid. The password ends at the first
    `@`. If the password itself contains an `@`, the rest of the password is taken for a part of the host.
    Then the result is usually False.
    """
    found = _LOGIN_AND_ADDRESS.match(url)
    return found is not None and _ADDRESS.fullmatch(found["address"]) is not None


def redacted(text: str) -> str:
    """Return what `redacted_url` returns if a text may be a URL, otherwise the text itself.

    A text may be a URL if it contains `://`, or a colon with an `@` after it, as in `user:password@host`.
    """
    return redacted_url(text) if _CREDENTIALS.search(text) else text


def redacted_url(url: str) -> str:
    """Return a URL without its secrets; a text that is no complete URL is masked as a whole.

    The result has the scheme, the user, the address, and the database or file. Of a web page it has only the
    scheme and the address, because the path of a webhook can be a secret. The values of options are masked,
    except for a few options that never contain a secret.
    """
    found = _URL.fullmatch(url)
    if found is None or not _ADDRESS.fullmatch(found["address"]):
        return MASK
    scheme, user, path = found["scheme"], found["user"], found["path"] or ""
    if scheme.lower().startswith("http"):
        return f"{scheme}://{found['address']}{path if path in ('', '/') else f'/{MASK}'}"
    login = ""
    if user is not None:
        login = (user if _USER.fullmatch(user) else MASK) + (f":{MASK}" if found["password"] else "") + "@"
    known = _FILE if scheme.startswith("sqlite") else _DATABASE
    place = path if known.fullmatch(path) else f"/{MASK}"
    return f"{scheme}://{login}{found['address']}{place}{_options(found['query'])}"


def _options(query: str | None) -> str:
    """Return the query of a URL with the names of its options; most values are masked."""
    if query is None:
        return ""
    shown = []
    for option in query.split("&"):
        name, is_set, value = option.partition("=")
        plain = name in _PLAIN_OPTIONS and _PLAIN_VALUE.fullmatch(value)
        known = _OPTION.fullmatch(name) and is_set
        shown.append(option if plain else f"{name}={MASK}" if known else MASK)
    return f"?{'&'.join(shown)}"
