"""Checks of the configuration file and of the files with secrets: their content and their permissions.

Under systemd the secret files belong to root, and the daemon gets copies (LoadCredential). The doctor must
therefore run as root to read the files. It does not check whether the daemon's user, cc-bridge, could read
them.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from cc_bridge.config import Config
from cc_bridge.config.startup import secret_faults
from cc_bridge.config.survey_files import load_surveys
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.doctor.posix_acl import acl_warning, other_readers
from cc_bridge.errors import CcBridgeError

__all__ = ["check", "config_errors"]


def config_errors(error: CcBridgeError, name: str = "config") -> list[CheckResult]:
    """Return one failed result for each line of text of `error`; `name` is the name of the check."""
    return [
        fail(name, line, "correct this option; config/cc-bridge.toml explains each one")
        for line in str(error).splitlines()
    ]


def check(config: Config, file: Path | None) -> Iterator[CheckResult]:
    """Check the surveys, secrets and file permissions of a valid configuration; yield the results.

    `file` is the configuration file; None if there is none.
    """
    yield ok("config", f"{file or 'defaults'} and the environment")
    try:
        surveys, _ = load_surveys(config)
    except CcBridgeError as error:
        yield from config_errors(error, "surveys")
    else:
        yield ok("surveys", f"{', '.join(surveys)}")
    yield from _secrets(config)
    yield from _permissions(config, file)


def _secrets(config: Config) -> Iterator[CheckResult]:
    """Read each secret that the configuration uses, and yield a failure for each one that is unusable.

    Without a failure, yield one result with the level ok.
    """
    faults = secret_faults(config)
    for fault in faults:
        yield fail(
            "secrets",
            fault,
            "create the file with the secret, readable by the user who runs this command (root); the AMI"
            " secret is `secret` of the manager user in cc_bridge.conf",
        )
    if not faults:
        yield ok("secrets", "all configured secrets can be read")


def _permissions(config: Config, file: Path | None) -> Iterator[CheckResult]:
    """Yield a warning for each file that contains a secret and that other users of this machine can read.

    A file gets a warning if its permissions let every user read it, or if its access control list lets
    further users or groups read it. If no file with a secret gets a warning, yield one result with the level
    ok. Yield nothing if secrets are in no file.

    `file` is the configuration file, None if there is none.
    """
    secret_files = [
        config.ami.secret_file,
        config.http.token_file,
        config.agi.secret_file,
        config.callers.hash_secret_file,
        config.callback.secret_file,
        config.digest.password_file,
        *(webhook.secret_file for webhook in config.webhooks),
    ]
    with_secrets = [each for each in secret_files if each is not None]
    if file is not None and _holds_a_secret(file, config):
        with_secrets.append(file)
    open_to_all = [each for each in with_secrets if each.exists() and each.stat().st_mode & stat.S_IROTH]
    for each in open_to_all:
        yield warn(
            "secrets.permissions",
            f"{each}: every user of this machine can read it ({stat.filemode(each.stat().st_mode)})",
            f"chmod o-rwx {each}",
        )
    shared = [each for each in with_secrets if each not in open_to_all and each.exists()]
    shared = [each for each in shared if list(other_readers(each))]
    for each in shared:
        yield acl_warning("secrets.permissions", each)
    if with_secrets and not open_to_all and not shared:
        yield ok("secrets.permissions", "no file with a secret is readable by all users")


def _holds_a_secret(file: Path, config: Config) -> bool:
    """Return whether the configuration file itself contains a secret.

    A secret that is set only by an environment variable is not in the file.
    """
    secrets = [config.ami.secret, config.http.token, config.agi.secret, config.callers.hash_secret]
    secrets += [config.callback.secret, config.digest.password]
    secrets += [webhook.secret for webhook in config.webhooks]
    text = file.read_text(encoding="utf-8")
    return any(value and value in text for value in (secret.get_secret_value() for secret in secrets))
