"""The contestants of the FastAGI bench, each a process: `python agi_contestants.py NAME`.

`agi.py` starts it. The process prints the port on which it listens and serves callers until it is killed.
Each contestant sends a caller the same 12 commands as `ours`: two variables, six questions, a variable, two
prompts, and the variable that restores the channel's language.

Each contestant imports its libraries inside its function, so that it does not load the libraries of the
others.
"""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

_QUESTIONS = 6
_CALLERS = 5000  # more than the bench has
_HOST = "127.0.0.1"


def ours() -> None:
    """Run the daemon's FastAGI listener and survey script. Storing an answer succeeds immediately."""
    from twisted.internet.defer import succeed

    _serve(_interview(lambda _record: succeed(None)))


def ours_sqlite() -> None:
    """Run `ours`, but commit each answer to SQLite by the daemon's writer before the next prompt."""
    from twisted.internet import reactor

    from cc_bridge.storage.migrate import open_database
    from cc_bridge.storage.pipeline.sql_sink import SqlSink
    from cc_bridge.storage.pipeline.writer import Writer

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        writer = Writer(SqlSink(lambda: open_database(url)), reactor.callFromThread)
        writer.start()
        _serve(_interview(writer.commit))


def ours_channel() -> None:
    """Run the daemon's listener with the 11 commands alone. `ours` minus this is the cost of the survey."""

    async def handle(_request: Any, channel: Any) -> None:
        await channel.set_variable("CCB_SURVEY", "started")
        await channel.set_variable("CHANNEL(language)", "fa")
        for _ in range(_QUESTIONS):
            await channel.get_key("cc_bridge/ask_agent", 5)
        await channel.set_variable("CCB_SURVEY", "complete")
        await channel.stream_file("cc_bridge/thanks")
        await channel.set_variable("CHANNEL(language)", "en")

    _serve(handle)


def pyst2() -> None:
    """Run an `asterisk.agi.AGI` in one thread for each caller, with socketserver like pyst2's own FastAGI."""
    import socketserver
    from types import SimpleNamespace

    from asterisk import agi

    # pyst2's AGI sets a handler of SIGHUP, which only the main thread may do, and logs to stderr.
    agi.signal = SimpleNamespace(signal=lambda *_: None, SIGHUP=None)
    nowhere = SimpleNamespace(write=lambda _: None)

    class Call(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            channel = agi.AGI(self.rfile, _Lines(self.wfile), nowhere)
            channel.set_variable("CCB_SURVEY", "started")
            channel.set_variable("CHANNEL(language)", "fa")
            for _ in range(_QUESTIONS):
                channel.get_data("cc_bridge/ask_agent", 5000, 1)
            channel.set_variable("CCB_SURVEY", "complete")
            channel.stream_file("cc_bridge/thanks")
            channel.set_variable("CHANNEL(language)", "en")

    class Server(socketserver.ThreadingTCPServer):
        request_queue_size = 1024  # the default of 5 would refuse callers
        daemon_threads = True

    with Server((_HOST, 0), Call) as server:
        _listening(server.server_address[1])
        server.serve_forever()


class _Lines:
    """An output file for pyst2 that encodes its text for a socket."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode())

    def flush(self) -> None:
        self._file.flush()


def panoramisk() -> None:
    """Run panoramisk's FastAGI application."""
    from panoramisk.fast_agi import Application

    async def survey(request: Any) -> None:
        await request.send_command('SET VARIABLE CCB_SURVEY "started"')
        await request.send_command('SET VARIABLE CHANNEL(language) "fa"')
        for _ in range(_QUESTIONS):
            await request.send_command("GET DATA cc_bridge/ask_agent 5000 1")
        await request.send_command('SET VARIABLE CCB_SURVEY "complete"')
        await request.send_command('STREAM FILE cc_bridge/thanks ""')
        await request.send_command('SET VARIABLE CHANNEL(language) "en"')

    async def main() -> None:
        application = Application(loop=asyncio.get_running_loop())
        application.add_route("survey", survey)
        server = await asyncio.start_server(application.handler, _HOST, 0, backlog=1024)
        _listening(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _serve(handle: Any) -> None:
    from twisted.internet import reactor

    from cc_bridge.agi.server import AgiLimits, FastAgiFactory
    from cc_bridge.daemon.process.tcp_port import TcpPort

    factory = FastAgiFactory(handle, AgiLimits(callers=_CALLERS, call_seconds=600), reactor)
    port = TcpPort(_HOST, 0, factory, reactor)
    port.startListening()
    reactor.callWhenRunning(_listening, port.getHost().port)
    gc.collect()  # as the daemon does
    gc.freeze()
    reactor.run(installSignalHandlers=False)


def _interview(store: Any) -> Any:
    """Return the daemon's survey script, set to invite every caller."""
    import time

    from twisted.internet import reactor

    from cc_bridge.agi.survey_script import SurveyScript
    from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
    from cc_bridge.surveys.definition import parse_survey

    sounds = {prompt: {"fa": f"cc_bridge/{prompt}"} for prompt in ("ask", "invalid", "thanks", "goodbye")}
    survey = parse_survey(_SURVEY, "bench.toml", sounds)
    attribution = Attribution("pbx-1790000000.1", [Segment("sales", "Sara", "PJSIP/201")])

    async def invite(request: Any, _channel: Any) -> Invitation:
        return Invitation(survey, attribution, request.language, request.uniqueid)

    return SurveyScript("pbx", invite, store, time.time, clock=reactor).run


# Persian only, so that the survey must set the channel's language.
_SURVEY = """
id = "bench"
version = 1
languages = ["fa"]
max_seconds = 600
thanks = "thanks"
goodbye = "goodbye"
""" + "".join(
    f"""
[[questions]]
id = "question_{number}"
kind = "csat"
ask = "ask"
invalid = "invalid"
"""
    for number in range(_QUESTIONS)
)


def _listening(port: int) -> None:
    click.echo(port)


CONTESTANTS = (ours, ours_sqlite, ours_channel, pyst2, panoramisk)

if __name__ == "__main__":
    (name,) = sys.argv[1:]
    next(contestant for contestant in CONTESTANTS if contestant.__name__ == name)()
