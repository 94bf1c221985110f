"""The signals that end the demo: handled before anything large is loaded, so without Twisted."""

import signal

__all__ = ["STOP_SIGNALS"]

# A SIGHUP that was switched off, as by nohup, stays off.
STOP_SIGNALS = [
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else []),
]
