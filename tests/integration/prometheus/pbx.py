"""The demo's PBX with its callers, as a process that a test can kill: `pbx.py AMI AGI SECONDS`.

AMI is the port on which it listens, AGI the daemon's AGI port, and SECONDS the advance of its clock. After a
line on its standard input it waits for a waiting caller, then stops the recording and logs all agents out.
The caller then waits without end.
"""

import random
import sys

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver

from cc_bridge.ami.messages import encode
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.demo.survey_callers import SurveyCallers
from cc_bridge.offline.replay import read_stream

SECRET = "word"
USER = "demo"


class ClockAhead:
    """A clock that is `seconds` ahead of the reactor's clock."""

    def __init__(self, seconds):
        self._by = seconds
        self.callLater = reactor.callLater

    def seconds(self):
        return reactor.seconds() + self._by


class Commands(LineOnlyReceiver):
    delimiter = b"\n"

    def __init__(self, pbx):
        self._pbx = pbx
        self._looking = LoopingCall(self._log_out)

    def lineReceived(self, line):
        self._looking.start(0.05)

    def _log_out(self):
        state = self._pbx.state
        if not state._waiting:
            return
        self._looking.stop()
        self._pbx.stop()
        for (queue, interface), member in list(state._members.items()):
            removed = {
                "Event": "QueueMemberRemoved",
                "Timestamp": f"{self._pbx.clock.seconds():.6f}",
                "Queue": queue,
                "MemberName": member["MemberName"],
                "Interface": interface,
            }
            del state._members[queue, interface]
            for session in self._pbx.sessions:
                session.transport.write(encode(removed.items()))


def main():
    ami, agi, ahead = (int(argument) for argument in sys.argv[1:])
    pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), (USER, SECRET), ClockAhead(ahead))
    callers = SurveyCallers(TCP4ClientEndpoint(reactor, "127.0.0.1", agi), reactor, random.Random(1))
    pbx.listeners.append(callers.on_event)
    reactor.listenTCP(ami, pbx, interface="127.0.0.1")
    reactor.callWhenRunning(pbx.start)
    StandardIO(Commands(pbx))
    reactor.run()


if __name__ == "__main__":
    main()
