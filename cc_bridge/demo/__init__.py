"""The whole product without an Asterisk: `cc-bridge demo`.

A PBX in this process plays two minutes of a contact centre, recorded from Asterisk 22, over and over through
a real AMI socket (`recording.py`, `pbx.py`, `pbx_state.py`). Where a recorded caller stayed on the line after
the agent had left, a simulated one talks to the daemon's FastAGI port and presses keys (`survey_callers.py`).
Between them runs the daemon itself, nothing in it faked: link, tracker, surveys, SQLite, metrics. `run.py`
connects them and shows a table of queues (`table.py`, `screen.py`).

Twisted, SQLAlchemy and Alembic take a second to load, in which Ctrl-C must end the demo as quietly as later.
So `demo` handles the signals before it loads anything.
"""

import os
import signal

from cc_bridge.demo.stop_signals import STOP_SIGNALS

__all__ = ["demo"]


def demo(seconds: float | None = None) -> None:
    """Show the product until Ctrl-C or SIGTERM, or for up to `seconds`; leave nothing behind."""
    for number in STOP_SIGNALS:
        # Nothing has started yet. An exception could be swallowed wherever it happens to be raised.
        signal.signal(number, lambda *_: os._exit(0))
    from cc_bridge.demo.run import run  # noqa: PLC0415  # it takes a second

    run(seconds)
