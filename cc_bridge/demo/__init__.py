"""The demo of the whole product without an Asterisk: `cc-bridge demo`.

A simulated PBX in this process plays two minutes of a contact centre, recorded from Asterisk 22, repeatedly
through a real AMI socket (`recording.py`, `pbx.py`, `pbx_state.py`). If a recorded caller stayed on the line
after the agent left, a simulated caller connects to the daemon's FastAGI port and presses keys
(`survey_callers.py`). The daemon itself is the real one, with AMI link, tracker, surveys, SQLite and metrics.
Its database begins with a made-up month (`history/`). `run.py` connects these parts and shows a table of
queues (`table.py`, `screen.py`).

The packages Twisted, SQLAlchemy and Alembic take a second to load. Ctrl-C during this second must also end
the demo quietly. So `demo` installs its signal handlers before it imports these packages.
"""

import os
import signal
from pathlib import Path

from cc_bridge.demo.stop_signals import STOP_SIGNALS

__all__ = ["demo"]


def demo(seconds: float | None = None, keep: Path | None = None, days: int = 30) -> None:
    """Run the demo until Ctrl-C or SIGTERM, or for up to `seconds`.

    `keep` is a directory in which the database stays; None leaves no files behind. `days` is the number of
    days before today of which calls are made up.
    """
    for number in STOP_SIGNALS:
        # Nothing has started yet, so the process can exit directly. An exception would be raised at an
        # arbitrary line of an import, which might catch it.
        signal.signal(number, lambda *_: os._exit(0))
    print("Starting the demo ...", flush=True)  # noqa: T201  # before any import that takes time
    from cc_bridge.demo.run import run  # noqa: PLC0415  # this import takes a second

    run(seconds, keep, days)
