"""The signals that end the demo; a module without large imports, so that it loads immediately."""

import signal

__all__ = ["STOP_SIGNALS"]

# SIGHUP stays ignored if it is ignored already, as with nohup.
STOP_SIGNALS = [
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else []),
]
