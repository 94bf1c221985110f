"""The files of the configuration: can they be read, and by whom else.

The trap: under systemd the secrets belong to root and the daemon gets copies (LoadCredential), so the
doctor, too, has to be root to read them; nothing is said about whether the user cc-bridge could.
"""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cc_bridge.config import Config
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import CcBridgeError, ConfigError

__all__ = ["faulty", "findings"]


def faulty(error: CcBridgeError, name: str = "config") -> list[CheckResult]:
    """Return a line for each fault of a configuration."""
    return [
        fail(name, line, "mend it there; config/cc-bridge.toml explains every key")
        for line in str(error).splitlines()
    ]


def findings(config: Config, file: Path | None) -> Iterator[CheckResult]:
    yield ok("config", f"{file or 'defaults'} and the environment")
    try:
        surveys, _ = load_surveys(config)
    except CcBridgeError as error:
        yield from faulty(error, "surveys")
    else:
        yield ok("surveys", f"{', '.join(surveys)}")
    yield from _secrets(config)
    yield from _permissions(config, file)


def _secrets(config: Config) -> Iterator[CheckResult]:
    """Try each secret; one that the configuration does not use cannot fail."""
    read: list[Callable[[], object]] = [
        config.ami.password,
        config.callers.caller_keys,
        config.http.access_token,
    ]
    read += [webhook.keys for webhook in config.webhooks]
    if config.callback.enabled:
        read.append(config.callback.password)
    if not config.digest.missing:
        read.append(config.digest.smtp_password)
    faults = []
    for each in read:
        try:
            each()
        except ConfigError as error:
            faults.append(str(error))
    for fault in faults:
        yield fail("secrets", fault, "put the secret there, readable by the user that runs this (root)")
    if not faults and not config.ami.password():
        yield fail(
            "secrets",
            "ami.secret is empty",
            'ami.secret_file = "/etc/cc-bridge/ami-secret", with the `secret` of manager.d/cc_bridge.conf',
        )
    elif not faults:
        yield ok("secrets", "all that the configuration names can be used")


def _permissions(config: Config, file: Path | None) -> Iterator[CheckResult]:
    secret_files = [
        config.ami.secret_file,
        config.http.token_file,
        config.callers.hash_secret_file,
        config.callback.secret_file,
        config.digest.password_file,
        *(webhook.secret_file for webhook in config.webhooks),
    ]
    kept = [each for each in secret_files if each is not None]
    if file is not None and _holds_a_secret(file, config):
        kept.append(file)
    open_to_all = [each for each in kept if each.exists() and each.stat().st_mode & stat.S_IROTH]
    for each in open_to_all:
        yield warn(
            "secrets.permissions",
            f"{each}: every user of this machine can read it ({stat.filemode(each.stat().st_mode)})",
            f"chmod o-rwx {each}",
        )
    if kept and not open_to_all:
        yield ok("secrets.permissions", "no file with a secret is readable by everyone")


def _holds_a_secret(file: Path, config: Config) -> bool:
    """Tell whether a secret stands in the configuration itself; one from the environment does not."""
    secrets = [config.ami.secret, config.http.token, config.callers.hash_secret, config.callback.secret]
    secrets += [config.digest.password, *(webhook.secret for webhook in config.webhooks)]
    text = file.read_text(encoding="utf-8")
    return any(value and value in text for value in (secret.get_secret_value() for secret in secrets))
