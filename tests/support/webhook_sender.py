"""Delivers events until it is killed; a program of its own, for tests that kill it.

delivering.py FILE URL SECRET
"""

import random
import sys
import time
from functools import partial
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool

from cc_bridge.storage.pipeline.outbox import Outbox
from cc_bridge.webhooks.client import Client
from cc_bridge.webhooks.delivery import Deliveries, Receiver
from cc_bridge.webhooks.retry_policy import Rules
from cc_bridge.webhooks.signing import keys_of


def main() -> None:
    file, url, secret = sys.argv[1:]
    client = Client(url, 5, None, reactor, time.time)
    rules = Rules(first_pause=0.02, longest_pause=0.1, give_up_attempts=1_000)
    deliveries = Deliveries(
        Outbox(Path(file)),
        [Receiver("crm", keys_of(secret), client, rules, 100_000)],
        partial(deferToThreadPool, reactor, reactor.getThreadPool()),
        reactor,
        time.time,
        random.random,
        0.02,
    )
    reactor.callWhenRunning(deliveries.start)
    reactor.run()


if __name__ == "__main__":
    main()
