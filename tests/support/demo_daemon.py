"""A running daemon with a filled database, for tests of its HTTP API: the process `cc-bridge demo`."""

import re
import subprocess
import sys
from contextlib import contextmanager
from itertools import takewhile
from threading import Thread
from time import time

from sqlalchemy import create_engine, delete, insert

from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.records import CustomerNumber, Outcome, QueueVisit
from cc_bridge.storage.queries.follow_ups import opened
from cc_bridge.storage.schema.tables import follow_ups, row_of

__all__ = ["CUSTOMER", "FOLLOW_UP", "DemoDaemon", "demo_daemon"]

# Of the examples in the document and on the pages.
CUSTOMER = "989121234567"
FOLLOW_UP = "44bdd1aff4e3b14c"
_CALL = "pbx-1795936005.9"

# The limits of requests from one address are raised: a test sends more than a CRM does.
_START = (
    "import cc_bridge.web.json_resource as limits; limits._AT_ONCE = 10**6; limits._A_SECOND = 1e6;"
    "from cc_bridge.cli import main; main()"
)


class DemoDaemon:
    """The addresses and secrets of a demo.

    address: of the site, without a slash at its end; `netloc` is its host and port
    key: of the own link of an agent
    """

    def __init__(self, told):
        self.address = told["pages"].removesuffix("/")
        self.netloc = self.address.removeprefix("http://")
        self.token = told["token"]
        self.key = next(value for name, value in told.items() if name.startswith("Agent")).partition("#")[2]
        self.engine = create_engine(f"sqlite:///{told['database']}", connect_args={"timeout": 20})

    def store_customer(self):
        """Store the customer of the examples, with a call an hour ago."""
        at = time() - 3600
        visit = QueueVisit(
            "demo", _CALL, _CALL, "sales", at, at + 90, Outcome.ABANDONED, None, None, 1, f"+{CUSTOMER}",
            "Zahra", "fa", False, "QueueCallerAbandon", caller_key=CUSTOMER,
        )  # fmt: skip
        with self.engine.begin() as connection:
            for record in (visit, CustomerNumber(CUSTOMER, "C-1", "Zahra", at)):
                table, row = row_of(record)
                connection.execute(insert(table), [row])

    def open_follow_up(self):
        """Store the follow-up of the examples, or make it open again."""
        with self.engine.begin() as connection:
            connection.execute(delete(follow_ups).where(follow_ups.c.follow_up_id == FOLLOW_UP))
        at = time() - 3600
        low = FollowUp(
            FOLLOW_UP, "demo", "low_rating", CUSTOMER, f"+{CUSTOMER}", "sales", "Agent 301", _CALL, "nps=4",
            "sara", at, at + 86_400,
        )  # fmt: skip
        assert opened(self.engine, low, low.caller_key, [low.caller_key])


@contextmanager
def demo_daemon(folder, days=3):
    """Provide a running demo whose files are in `folder`, with the made-up calls of `days` days."""
    command = [sys.executable, "-c", _START, "demo", "--keep", str(folder), "--days", str(days)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = takewhile(lambda line: "The demo uses only" not in line, iter(process.stdout.readline, ""))
        found = [re.fullmatch(r"  (\w+(?: \d+)?) +([^ ,;\n]+).*\n", line) for line in lines]
        demo = DemoDaemon({each[1]: each[2] for each in found if each})
        Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would block the demo
        try:
            yield demo
        finally:
            demo.engine.dispose()
            process.terminate()
            process.wait(timeout=60)
