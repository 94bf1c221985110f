"""The errors that cc_bridge raises on purpose.

Raised where the fault is found, caught at an edge (one connection, one message, one batch, one
command), where it is logged once and counted once. `cli.py` prints any of them as one line.
"""

__all__ = [
    "AmiError",
    "AmiLinkLost",
    "AmiRefused",
    "AmiTimeout",
    "CcBridgeError",
    "ConfigError",
    "FollowUpError",
    "MailError",
    "StorageError",
    "SurveyError",
]


class CcBridgeError(Exception):
    """Base of all; its text is one line that says what to do."""


class ConfigError(CcBridgeError):
    """The configuration is wrong; the text holds one line a fault."""


class SurveyError(CcBridgeError):
    """A survey definition or its prompts are wrong; found at start, never during a call."""


class StorageError(CcBridgeError):
    """The database cannot be opened, or its schema is not ours."""


class MailError(CcBridgeError):
    """A mail was not sent, or nobody knows whether it was."""


class AmiError(CcBridgeError):
    """Base of what goes wrong on the link to Asterisk's manager interface."""


class AmiLinkLost(AmiError):
    """The connection ended; every action that waited for an answer gets this."""


class AmiRefused(AmiError):
    """Asterisk answered an action with `Response: Error`."""


class AmiTimeout(AmiError):
    """Asterisk did not answer in time."""


class FollowUpError(CcBridgeError):
    """There is no such follow-up, or what is wanted of it does not fit its state."""
