"""The exceptions that cc_bridge raises deliberately.

Code that finds a fault raises an error. The code that handles one connection, message, batch or command
catches the error, logs it once and counts it once. `cli.py` prints each error in one line.
"""

import sys

__all__ = [
    "AmiError",
    "AmiLinkLost",
    "AmiRefused",
    "AmiTimeout",
    "CcBridgeError",
    "ConfigError",
    "FollowUpError",
    "MailError",
    "SetupError",
    "StorageError",
    "SurveyError",
    "UnreadableFile",
    "how_to_install",
]


class CcBridgeError(Exception):
    """The base class of all errors of cc_bridge. The text names the fault and the remedy."""


class ConfigError(CcBridgeError):
    """The configuration is invalid; the text has one line for each fault."""


class SurveyError(CcBridgeError):
    """A survey definition or prompt is invalid; raised at the start or a reload, never during a call."""


class StorageError(CcBridgeError):
    """The database or journal cannot be opened or read, or a record cannot be stored.

    The error also reports a database that belongs to another program or to a newer version of cc_bridge.
    """


class MailError(CcBridgeError):
    """A mail was not sent, or it is unknown whether it was sent."""


class AmiError(CcBridgeError):
    """The base class of errors on the link to Asterisk's manager interface (AMI)."""


class AmiLinkLost(AmiError):
    """The AMI connection ended; every action that waits for a response fails with this error."""


class AmiRefused(AmiError):
    """Asterisk rejected an AMI action with `Response: Error`."""


class AmiTimeout(AmiError):
    """Asterisk did not respond to an AMI action in time."""


class UnreadableFile(CcBridgeError):
    """A command cannot use a file, for example because it is not a recorded AMI stream."""


class SetupError(CcBridgeError):
    """`cc-bridge setup` cannot install cc_bridge, or cannot undo an installation."""


class FollowUpError(CcBridgeError):
    """The follow-up does not exist, or the requested action is not allowed in its state."""


def how_to_install(extra: str) -> str:
    """Return the end of an error text: the command that installs the packages of an extra of cc_bridge.

    The command installs from the directory of cc_bridge's source, because no package index has cc_bridge.
    """
    return f"in the directory of cc_bridge's source run: {sys.prefix}/bin/pip install '.[{extra}]'"
