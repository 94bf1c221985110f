"""A call that Asterisk handed to us: commands to await, one at a time.

`agi/server.py` makes one for each call and feeds it; `agi/survey_script.py` gives the commands. Exceptions
are pyst2's, so that a script for `asterisk.agi` reads the same here; `AGIHangup` also stands for a lost
connection. Once an error ended the channel, every further command raises that same error.

The trap: a command sent while another one runs stops that one, and its reply never comes (seen on 16 and
22). So a second command at once is refused here as the fault of the program that it is. Only `interrupt`
makes use of it: the command that it sends is answered with a word that nobody can guess, and whatever
comes before that is passed over.
"""

from dataclasses import dataclass
from secrets import token_hex

from asterisk.agi import AGIAppError, AGIError, AGIHangup, AGIResultHangup
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, ITCPTransport

from cc_bridge.agi.codec import (
    AgiReply,
    BadReply,
    command_line,
    end_position,
    read_reply,
    take_reply,
)

__all__ = ["AgiChannel", "Interrupted", "NoReply", "NotRecorded", "PromptMissing", "RecordResult"]

REPLY_SECONDS = 5.0  # for a command that Asterisk answers at once
PLAY_SECONDS = 60.0  # for one that plays a prompt first; the longest shipped one takes 15 s
SAMPLES = 8000  # a second, of the format wav

_HANGUP = b"HANGUP\n"
_ASCII_CODES = 128


class PromptMissing(AGIAppError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk has no sound file of that name in the channel's language; the caller is still there."""


class NotRecorded(AGIAppError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk could not write the file: it makes no folders, and must own this one. The caller is there."""


class Interrupted(AGIError):  # type: ignore[misc]  # pyst2 is untyped
    """`interrupt` stopped what was played or waited for; the caller is still there."""


class NoReply(AGIError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk did not reply in time; the connection was closed, since Asterisk would wait for ever."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What RECORD FILE tells of a recording."""

    seconds: float
    ended_by: str  # dtmf, timeout (silence, or the limit), hangup; randomerror: a key during the beep


class AgiChannel:
    """The caller's channel, as far as AGI reaches."""

    def __init__(self, transport: ITCPTransport, clock: IReactorTime) -> None:
        self.closed_because = ""  # why we closed it: time_limit or shutdown; empty if we did not
        self._transport = transport
        self._clock = clock
        self._buffer = bytearray()
        self._waiting: Deferred[AgiReply] | None = None
        self._value_end = b""
        self._ended: AGIError | None = None
        self._stopped_by = ""  # the word that ends an interruption; empty when there is none

    # -- what an interview calls

    async def execute(
        self, command: str, *arguments: str | int, seconds: float = REPLY_SECONDS, value_end: str = ""
    ) -> AgiReply:
        """Send a command and wait for its reply; a reply with `result=-1` raises AGIAppError.

        Not for EXEC: an application that returns 1 gets two replies from Asterisk, the second a 520.
        """
        if self._waiting is not None:
            raise RuntimeError(f"{command} while another command runs")
        line = command_line(command, *arguments)
        if self._ended is not None:
            raise self._ended
        waiting: Deferred[AgiReply] = Deferred(self._cancelled)
        self._waiting, self._value_end = waiting, value_end.encode()
        too_late = NoReply(f"no reply to {command} in {seconds:g} s")
        timer = self._clock.callLater(seconds, self._end, too_late)
        self._transport.write(line)
        try:
            return await waiting
        finally:
            if timer.active():
                timer.cancel()

    async def stream_file(self, sound: str, keys: str = "") -> str:
        """Play a sound file; one of the `keys` stops it and is returned, else the empty string.

        Raises PromptMissing.
        """
        reply = await self._play("STREAM FILE", sound, keys)
        code = self._number(reply)
        return chr(code) if code else ""

    async def get_key(self, sound: str, wait_seconds: float) -> str:
        """Play a sound file and wait for one key, which may come while it plays; empty if none came.

        Raises PromptMissing. GET DATA does it in one command: a key pressed between STREAM FILE and
        WAIT FOR DIGIT would be lost.
        """
        milliseconds = max(1, round(wait_seconds * 1000))
        reply = await self._play("GET DATA", sound, milliseconds, 1, seconds=PLAY_SECONDS + wait_seconds)
        if reply.result or reply.timed_out:
            return reply.result
        return "#"  # it ends the input and is left out of the reply

    async def wait_for_key(self, seconds: float) -> str:
        """Return the next key, empty if none came."""
        code = self._number(
            await self.execute(
                "WAIT FOR DIGIT", max(1, round(seconds * 1000)), seconds=REPLY_SECONDS + seconds
            )
        )
        return chr(code) if code else ""

    async def record_file(self, file: str, seconds: float, silence_seconds: float) -> RecordResult:
        """Beep, then record the caller into `file`.wav until `#`, a silence, the limit or the hang-up.

        After a hang-up the recording is returned as well, and the next command raises AGIHangup. Raises
        NotRecorded. `file` is a path on the PBX.
        """
        limits = round(seconds * 1000), "BEEP", f"s={max(1, round(silence_seconds))}"
        command = self.execute("RECORD FILE", file, "wav", "#", *limits, seconds=PLAY_SECONDS + seconds)
        try:
            reply = await command
        except AGIResultHangup as hangup:
            return RecordResult(end_position(str(hangup)) / SAMPLES, "hangup")
        except AGIHangup:
            raise
        except AGIAppError as error:
            await self.channel_status()
            raise NotRecorded(f"{file}.wav was not recorded: does the folder exist on the PBX?") from error
        return RecordResult(reply.end_position / SAMPLES, reply.data)

    def interrupt(self) -> None:
        """Stop the prompt or the wait for a key that goes on: its command raises Interrupted.

        Anything but a recording stops, which ends by its own limit. Without a command it does nothing.
        """
        if self._waiting is not None and not self._stopped_by:
            self._stopped_by = token_hex(8)
            self._transport.write(command_line("GET FULL VARIABLE", self._stopped_by))

    async def set_variable(self, name: str, value: str) -> None:
        await self.execute("SET VARIABLE", name, value)

    async def get_full_variable(self, expression: str) -> str:
        """Return what the dialplan makes of an expression such as `${CHANNEL(linkedid)}`.

        The value may hold anything, line breaks too. A word that nobody can guess is put behind it, so that
        its end is certain.
        """
        end = token_hex(8)
        reply = await self.execute("GET FULL VARIABLE", expression + end, value_end=end)
        return reply.data.removesuffix(end)

    async def channel_status(self) -> int:
        """Return Asterisk's state of the channel, 6 when it is up; raises AGIHangup when it is dead."""
        return self._number(await self.execute("CHANNEL STATUS"))

    async def verbose(self, message: str, level: int = 1) -> None:
        await self.execute("VERBOSE", message, level)

    async def hangup(self) -> None:
        await self.execute("HANGUP")

    # -- what the server calls

    def received(self, data: bytes) -> None:
        """Take bytes from Asterisk."""
        if self._ended is not None:
            return
        self._buffer += data
        try:
            while (line := take_reply(self._buffer, self._value_end)) is not None:
                self._reply(line)
        except BadReply as error:
            self._end(error)

    def connection_lost(self) -> None:
        self._fail(AGIHangup("Asterisk closed the connection"))

    def close(self, because: str) -> None:
        """End the call from our side: the running command and all further ones raise AGIHangup."""
        self.closed_because = self.closed_because or because
        self._end(AGIHangup(f"closed: {because}"))

    # -- inside

    async def _play(
        self, command: str, sound: str, *arguments: str | int, seconds: float = PLAY_SECONDS
    ) -> AgiReply:
        try:
            return await self.execute(command, sound, *arguments, seconds=seconds)
        except AGIHangup:
            raise
        except AGIAppError as error:
            # `result=-1` means hung up or no such file. A dead channel answers this one with 511, or its
            # HANGUP line comes first.
            await self.channel_status()
            raise PromptMissing(f"no sound file {sound!r}") from error

    def _number(self, reply: AgiReply) -> int:
        """Return a result that is a state or the code of a key."""
        if reply.result.isascii() and reply.result.isdigit() and int(reply.result) < _ASCII_CODES:
            return int(reply.result)
        error = BadReply(f"not a number: {reply.result[:40]!r}")
        self._end(error)
        raise error

    def _reply(self, line: bytes) -> None:
        if line == _HANGUP.rstrip():
            # It comes at any time. The reply of a command under way may follow and is of no interest.
            self._fail(AGIHangup("the caller hung up"))
            return
        if self._waiting is None:
            raise BadReply("a line that nobody waits for")
        if self._stopped_by:
            if line == f"200 result=1 ({self._stopped_by})".encode():
                self._stopped_by = ""
                waiting, self._waiting = self._waiting, None
                waiting.errback(Interrupted("stopped"))
            return  # else the reply came just before Asterisk read the interruption
        # With AGIEXITONHANGUP the line comes twice (16.28, 22.10). Anything else is a second reply, which
        # the next command would take for its own.
        if not _HANGUP.startswith(bytes(self._buffer).replace(_HANGUP, b"")):
            raise BadReply("more than one reply to a command")
        try:
            reply = read_reply(line)
        except AGIHangup as error:
            self._fail(error)
        except BadReply:
            raise
        except AGIError as error:
            waiting, self._waiting = self._waiting, None
            waiting.errback(error)
        else:
            waiting, self._waiting = self._waiting, None
            waiting.callback(reply)

    def _fail(self, error: AGIError) -> None:
        """Let the running command and all further ones raise the error; the first one counts."""
        if self._ended is not None:
            return
        self._ended = error
        self._buffer.clear()
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.errback(error)

    def _end(self, error: AGIError) -> None:
        self._transport.abortConnection()
        self._fail(error)

    def _cancelled(self, _: Deferred[AgiReply]) -> None:
        """Give up the connection: the reply of a cancelled command could be taken for the next one's."""
        self._waiting = None
        self._end(AGIHangup("cancelled"))
