"""No log message above debug has a caller's number or name.

One test replays a whole contact centre and reads the log, another reads the code.
"""

import ast
from pathlib import Path

from twisted.internet import reactor
from twisted.logger import LogLevel, formatEvent

import cc_bridge
from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.offline.replay import read_stream, replay
from cc_bridge.records import OptOut, QueueVisit
from support.reactor_loop import result_of, until

STREAM = b"".join(read_stream(RECORDING))
PACKAGE = Path(cc_bridge.__file__).parent
PERSONAL = {
    "number",
    "caller_number",
    "caller_name",
    "caller_id",
    "caller_key",
    "dialed",
    "request",
    "record",
}
LEVELS = {"info", "warn", "error", "critical", "failure"}


def test_a_contact_centre_leaves_no_number_in_the_log(logged, tmp_path):
    visits = [
        each
        for each in replay(iter([STREAM]), Tracker("pbx"), MessageCounts())
        if isinstance(each, QueueVisit)
    ]
    numbers = {visit.caller_number for visit in visits} - {""}
    assert len(numbers) > 10
    pbx = RecordedPbx(AmiRecording(STREAM), ("demo", "secret"), reactor)
    port = reactor.listenTCP(0, pbx, interface="127.0.0.1")
    bridge = Bridge(
        Config(
            ami={"port": port.getHost().port, "username": "demo", "secret": "secret"},
            agi={"port": 0},
            http={"port": 0},
            run={"shutdown_timeout_seconds": 0},
            storage={"url": f"sqlite:///{tmp_path / 'calls.sqlite'}"},
        ),
        reactor,
    )
    until(lambda: True)
    bridge.startService()
    pbx.start()
    until(lambda: bridge.pipeline.writer.written["queue_visits"] > 3, 60)
    bridge.pipeline.writer.put(OptOut("989121234567", float("nan"), opted_out=True, source="key"))  # rejected
    until(lambda: bridge.pipeline.writer.rejected == 1, 60)
    pbx.stop()
    result_of(bridge.stopService(), 60)
    result_of(port.stopListening())
    told = [formatEvent(event) for event in logged if event["log_level"] >= LogLevel.info]
    assert any("storage rejected a record" in line for line in told)
    assert any("linked to Asterisk" in line for line in told)
    for line in told:
        assert "9121234567" not in line
        words = set(line.replace("'", " ").replace(",", " ").split())
        assert not words & numbers


def log_calls():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
            ):
                of = ast.unparse(node.func.value)
                if of.endswith("_log"):
                    yield path.name, node


def test_no_line_is_given_what_is_personal():
    calls = list(log_calls())
    assert len(calls) > 30
    for name, call in calls:
        values = [keyword.value for keyword in call.keywords] + call.args
        used = {node.attr for value in values for node in ast.walk(value) if isinstance(node, ast.Attribute)}
        used |= {keyword.arg for keyword in call.keywords}
        used |= {value.id for value in values if isinstance(value, ast.Name)}  # the whole object
        assert not used & PERSONAL, f"{name}: {ast.unparse(call)}"
