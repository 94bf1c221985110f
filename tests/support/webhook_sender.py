"""Delivers webhook events until it is killed: a program for tests that kill it.

    webhook_sender.py FILE URL SECRET

FILE is the outbox, URL the receiver, SECRET the signing secret.
"""

import random
import sys
import time
from functools import partial
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool

from cc_bridge.storage.pipeline.outbox import OutboxFile
from cc_bridge.webhooks.client import HttpClient
from cc_bridge.webhooks.delivery import Endpoint, WebhookDeliveries
from cc_bridge.webhooks.retry_policy import RetryPolicy
from cc_bridge.webhooks.signing import keys_of


def main() -> None:
    file, url, secret = sys.argv[1:]
    client = HttpClient(url, 5, None, reactor, time.time)
    rules = RetryPolicy(first_pause=0.02, longest_pause=0.1, max_attempts=1_000)
    deliveries = WebhookDeliveries(
        OutboxFile(Path(file)),
        [Endpoint("crm", keys_of(secret), client, rules, 100_000)],
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
