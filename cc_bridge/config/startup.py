"""Checks before the start of the daemon, of a valid configuration: surveys, secrets, drivers and packages.

`cc-bridge check` and the start of the daemon use the same function, so that the check rejects exactly what
the start rejects.
"""

from collections.abc import Callable, Iterable, Iterator

from cc_bridge.config.settings import Config
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.errors import CcBridgeError, ConfigError

__all__ = ["check_startup", "secret_faults"]


def check_startup(config: Config) -> None:
    """Raise ConfigError if a valid configuration would still prevent the start, with a line for each fault.

    The connections to the PBX, the database and the mail server are not tested.
    """
    checks: tuple[Callable[[], object], ...] = (
        lambda: load_surveys(config),
        config.storage.check_driver,
    )
    faults = [*_faults(checks), *secret_faults(config)]
    if faults:
        raise ConfigError("\n".join(faults))


def secret_faults(config: Config) -> list[str]:
    """Return one line for each secret that the configuration uses and that is missing or cannot be read.

    The certificate of the HTTP server counts as a secret, because its key is one.
    """
    reads: list[Callable[[], object]] = [
        lambda: _required(config.ami.password(), "ami"),
        config.callers.caller_keys,
        config.http.access_token,
        config.http.certificate,
        config.agi.request_secret,
        config.digest.smtp_password,
        *(webhook.keys for webhook in config.webhooks),
    ]
    if config.callback.enabled:
        reads.append(lambda: _required(config.callback.password(), "callback"))
    return list(_faults(reads))


def _faults(checks: Iterable[Callable[[], object]]) -> Iterator[str]:
    """Yield the lines of the errors that the checks raise."""
    for check in checks:
        try:
            check()
        except CcBridgeError as error:
            yield from str(error).splitlines()


def _required(secret: str, section: str) -> None:
    """Raise ConfigError if the secret of a manager user is empty."""
    if not secret:
        raise ConfigError(
            f"{section}.secret is empty: set {section}.secret_file to a file with the manager user's secret"
        )
