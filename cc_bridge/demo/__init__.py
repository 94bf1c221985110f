"""The whole product without an Asterisk: `cc-bridge demo`.

A PBX that lives in this process plays two minutes of a real contact centre, recorded from Asterisk 22, over
and over through a real AMI socket (`recording.py`, `pbx.py`, `pbx_state.py`). Where a recorded caller stayed
on the line after the agent had left, a made-up one talks to the daemon's FastAGI port and presses keys
(`privacy/caller_keys.py`). Between them runs the daemon itself, nothing in it faked: link, tracker, surveys,
SQLite, metrics. `run.py` ties them together and shows a table of queues (`table.py`, `screen.py`).

The trap: loading Twisted, SQLAlchemy and Alembic takes a second, in which Ctrl-C must end the demo as quietly
as later. So `demo` takes over the signals before it loads anything.
"""

import os
import signal

__all__ = ["ENDINGS", "demo"]

# What ends the demo. A SIGHUP that was switched off, as by nohup, stays off.
ENDINGS = [
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else []),
]


def demo(seconds: float | None = None) -> None:
    """Show the product until Ctrl-C or SIGTERM, or for so many seconds; leave nothing behind."""
    for number in ENDINGS:
        # Nothing is begun yet. An exception could be swallowed wherever it happens to be raised.
        signal.signal(number, lambda *_: os._exit(0))
    from cc_bridge.demo.run import run  # noqa: PLC0415  # see the trap above

    run(seconds)
