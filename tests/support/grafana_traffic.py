"""Three recorded contact centres with one daemon each: a program for tests of the dashboards.

    grafana_traffic.py FOLDER URL

Each daemon has its journal in FOLDER, its database at URL and a webhook receiver that never answers. Each
asks different questions, so that every question kind soon has enough answers. Once all run, the program
prints the addresses of their metrics. It runs until its standard input ends.

Note: the demo's callers press 1 to 5 and do not support WAIT FOR DIGIT, which follows a 1 on a scale of 0 to
10. Such a survey breaks off, as log and dashboards show.
"""

import json
import os
import random
import socket
import sys
import threading
from pathlib import Path

from pydantic import SecretStr
from twisted.internet.endpoints import TCP4ClientEndpoint

from cc_bridge.config import (
    AgiConfig,
    AmiConfig,
    Config,
    DigestConfig,
    FollowUpsConfig,
    HttpConfig,
    PbxConfig,
    QueueConfig,
    RunConfig,
    StorageConfig,
    SurveyConfig,
    WebhookConfig,
)
from cc_bridge.daemon import main as daemon
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.demo.survey_callers import SurveyCallers
from cc_bridge.logs import start_logging
from cc_bridge.offline.replay import read_stream

HOST = "127.0.0.1"
HEAD = 'id = "{}"\nversion = 1\nlanguages = ["en"]\nthanks = "thanks"\ngoodbye = "goodbye"\n'
QUESTION = '[[questions]]\nid = "{0}"\nkind = "{0}"\nask = "{0}_ask"\ninvalid = "key_invalid"\n'
SURVEYS = {"north": ["csat", "ces"], "south": ["nps", "csat"], "west": ["ces", "nps"]}


def surveys(folder):
    folder.mkdir()
    for name, kinds in SURVEYS.items():
        text = HEAD.format(name) + "".join(QUESTION.format(kind) for kind in kinds)
        (folder / f"{name}.toml").write_text(text)
    return folder


def contact_centre(name, folder, url, dead_port):
    """Start a PBX, its callers and its daemon. Return the address of the daemon's metrics."""
    reactor, credentials = daemon.reactor, (name, "secret")
    pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), credentials, reactor)
    ami_port = reactor.listenTCP(0, pbx, interface=HOST).getHost().port
    bridge = daemon.start(
        Config(
            pbx=PbxConfig(name=name),
            ami=AmiConfig(host=HOST, port=ami_port, username=name, secret=SecretStr("secret")),
            agi=AgiConfig(host=HOST, port=0),
            http=HttpConfig(host=HOST, port=0),
            storage=StorageConfig(url=url, journal_file=folder / f"{name}.sqlite"),
            survey=SurveyConfig(directory=folder / "surveys"),
            # Some recorded talks last only two seconds, and no recorded wait twenty.
            queue_defaults=QueueConfig(min_talk_seconds=0, service_level_seconds=4, survey=name, owner=name),
            follow_ups=FollowUpsConfig(enabled=True),
            digest=DigestConfig(
                enabled=True,
                recipients=["a@example.com"],
                sender="b@example.com",
                smtp_host=HOST,
                smtp_port=dead_port,
                tls="none",
            ),
            run=RunConfig(shutdown_timeout_seconds=0),
            webhooks=[
                WebhookConfig(
                    name="crm", url=f"http://{HOST}:{dead_port}/", secret=SecretStr("whsec_" + "YWJj" * 8)
                )
            ],
        )
    )
    agi_port = int(bridge.agi_address.rpartition(":")[2])
    callers = SurveyCallers(TCP4ClientEndpoint(reactor, HOST, agi_port), reactor, random.Random(name))
    pbx.listeners.append(callers.on_event)
    reactor.callWhenRunning(pbx.start)
    reactor.callWhenRunning(
        bridge.jobs.getServiceNamed("digest delivery").poll
    )  # else the first poll is after a minute
    return bridge.http_address


def end_with_input():
    sys.stdin.read()
    os._exit(0)  # no data is kept, so no orderly end is needed


def main():
    folder, url = Path(sys.argv[1]), sys.argv[2]
    start_logging("error")
    surveys(folder / "surveys")
    with socket.socket() as taken:  # bound without listening, so connections fail
        taken.bind((HOST, 0))
        dead_port = taken.getsockname()[1]
        found = [contact_centre(name, folder, url, dead_port) for name in SURVEYS]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        threading.Thread(target=end_with_input, daemon=True).start()
        daemon.reactor.run()


if __name__ == "__main__":
    main()
