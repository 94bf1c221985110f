"""What a daemon does without, so that it stays small: TLS, 13 MB, unless the configuration asks for it.

Twisted's reactor loads pyOpenSSL and cryptography wherever they are installed, and works without them where
they are not. `cc-bridge run` calls this before anything imports the reactor.

The trap: afterwards nothing in this process can import OpenSSL. A part that speaks TLS is therefore named
here, and imported only when it is wanted.
"""

import sys

from cc_bridge.config import Config

__all__ = ["leave_out_tls"]


def leave_out_tls(config: Config) -> None:
    """Let `import OpenSSL` fail from now on, unless some connection of this configuration may need it."""
    if not (config.ami.tls or config.webhooks):
        sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type]  # what Python takes for "not there"
