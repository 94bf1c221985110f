"""The command `user hash`, which prints the hash of a password for the configuration."""

import click

from cc_bridge.commands.common import say

__all__ = ["user"]


@click.group()
def user() -> None:
    """Print password hashes for the persons who may open the pages.

    \b
    Example:  cc-bridge user hash
    """


@user.command("hash")
def hash_() -> None:
    """Ask for a password twice, and print its hash for users.NAME.password_hash.

    The password must have at least 10 characters. The hash (Argon2id) has a random salt, so it differs each
    time. Without a terminal, the password is the first line of standard input.

    \b
    Example:  cc-bridge user hash
    """
    import sys

    from cc_bridge.web.access.passwords import LEAST_LENGTH, hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < LEAST_LENGTH:
        raise click.ClickException(f"the password must have at least {LEAST_LENGTH} characters")
    say(hash_password(password))
