"""An AGI channel: one call that Asterisk handed to cc_bridge. One command at a time runs on it.

The methods raise the exceptions of pyst2 (`asterisk.agi`). `AGIHangup` also means a lost connection. After an
error has ended the channel, every further command raises the same error.

If a command is sent while another one runs, Asterisk (16 and 22) stops the running command and never replies
to it. So `execute` rejects a second command as an error of the calling code. Only `interrupt` sends a second
command, in order to stop the running one. The reply to this second command is an unguessable word. Every
reply before that word is discarded.
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

REPLY_SECONDS = 5.0  # timeout of a command that Asterisk answers immediately
PLAY_SECONDS = 60.0  # timeout of a command that plays a prompt; the longest shipped prompt takes 15 s
SAMPLES = 8000  # samples per second of the format wav

_HANGUP = b"HANGUP\n"
_ASCII_CODES = 128


class PromptMissing(AGIAppError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk has no sound file of the requested name in the channel's language.

    The caller is still on the line.
    """


class NotRecorded(AGIAppError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk could not write the recording. The caller is still on the line.

    Asterisk creates no folders, and the folder must belong to Asterisk's user.
    """


class Interrupted(AGIError):  # type: ignore[misc]  # pyst2 is untyped
    """`interrupt` stopped a prompt or a wait for a key. The caller is still on the line."""


class NoReply(AGIError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk did not reply in time. The connection was closed, because Asterisk would wait forever."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The result of the AGI command RECORD FILE.

    seconds: length of the recording
    """

    seconds: float
    ended_by: str  # dtmf, timeout (a silence or the limit), hangup, randomerror (a key during the beep)


class AgiChannel:
    """The channel of one caller, controlled by AGI commands."""

    def __init__(self, transport: ITCPTransport, clock: IReactorTime) -> None:
        self.closed_because = ""  # time_limit or shutdown; empty unless cc_bridge closed the channel
        self._transport = transport
        self._clock = clock
        self._buffer = bytearray()
        self._waiting: Deferred[AgiReply] | None = None
        self._value_end = b""
        self._ended: AGIError | None = None
        self._stopped_by = ""  # word in the reply that ends an interruption; empty if there is none
        self._recording = False  # a recording runs, which cannot be stopped

    # -- commands

    async def execute(
        self, command: str, *arguments: str | int, seconds: float = REPLY_SECONDS, value_end: str = ""
    ) -> AgiReply:
        """Send a command and return its reply. A reply with `result=-1` raises AGIAppError.

        `seconds` is the timeout of the reply. `value_end` is a text that ends the value in the reply, for a
        value that may contain line breaks. The command must not be EXEC: for an application that returns 1,
        Asterisk sends two replies, the second with code 520.
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
        """Play a sound file until it ends or the caller presses one of `keys`.

        Return the pressed key, or an empty string if none of `keys` was pressed. Raises PromptMissing if
        Asterisk has no such file.
        """
        reply = await self._play("STREAM FILE", sound, keys)
        code = self._number(reply)
        return chr(code) if code else ""

    async def get_key(self, sound: str, wait_seconds: float) -> str:
        """Play a sound file, then wait up to `wait_seconds` for one key. A key during the file counts too.

        Return the key, or an empty string if none was pressed. Raises PromptMissing if Asterisk has no such
        file. The AGI command is GET DATA. With STREAM FILE and WAIT FOR DIGIT, a key that is pressed between
        the two commands would be lost.
        """
        milliseconds = max(1, round(wait_seconds * 1000))
        reply = await self._play("GET DATA", sound, milliseconds, 1, seconds=PLAY_SECONDS + wait_seconds)
        if reply.result or reply.timed_out:
            return reply.result
        return "#"  # this key ends the input, so the reply does not contain it

    async def wait_for_key(self, seconds: float) -> str:
        """Wait up to `seconds` for a key. Return the key, or an empty string if none was pressed."""
        code = self._number(
            await self.execute(
                "WAIT FOR DIGIT", max(1, round(seconds * 1000)), seconds=REPLY_SECONDS + seconds
            )
        )
        return chr(code) if code else ""

    async def record_file(self, file: str, seconds: float, silence_seconds: float) -> RecordResult:
        """Beep, then record the caller into `file`.wav, a path on the PBX.

        The recording ends at the key `#`, after a silence of `silence_seconds`, after `seconds`, or at a
        hang-up. After a hang-up this method still returns the result, and the next command raises AGIHangup.
        Raises NotRecorded if Asterisk cannot write the file.
        """
        limits = round(seconds * 1000), "BEEP", f"s={max(1, round(silence_seconds))}"
        self._recording = True
        try:
            reply = await self.execute(
                "RECORD FILE", file, "wav", "#", *limits, seconds=PLAY_SECONDS + seconds
            )
        except AGIResultHangup as hangup:
            return RecordResult(end_position(str(hangup)) / SAMPLES, "hangup")
        except AGIHangup:
            raise
        except AGIAppError as error:
            await self.channel_status()
            raise NotRecorded(f"{file}.wav was not recorded: does the folder exist on the PBX?") from error
        finally:
            self._recording = False
        return RecordResult(reply.end_position / SAMPLES, reply.data)

    def interrupt(self) -> None:
        """Stop the running command, which plays a prompt or waits for a key.

        The stopped command raises Interrupted. If no command is running, this method does nothing. It does
        not stop a command that records the caller's voice either; such a command ends at its own time limit.
        """
        if self._waiting is not None and not self._stopped_by and not self._recording:
            self._stopped_by = token_hex(8)
            self._transport.write(command_line("GET FULL VARIABLE", self._stopped_by))

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable."""
        await self.execute("SET VARIABLE", name, value)

    async def get_full_variable(self, expression: str) -> str:
        """Return the value of a dialplan expression such as `${CHANNEL(linkedid)}`.

        The value may contain any text, also line breaks. An unguessable word is appended to the expression,
        so that the end of the value is certain.
        """
        end = token_hex(8)
        reply = await self.execute("GET FULL VARIABLE", expression + end, value_end=end)
        return reply.data.removesuffix(end)

    async def channel_status(self) -> int:
        """Return the number of the channel's state in Asterisk; 6 means that the call is answered.

        Raises AGIHangup if the channel has ended.
        """
        return self._number(await self.execute("CHANNEL STATUS"))

    async def verbose(self, message: str, level: int = 1) -> None:
        """Write a message to Asterisk's console at the verbosity `level`."""
        await self.execute("VERBOSE", message, level)

    async def hangup(self) -> None:
        """Hang up the caller's channel."""
        await self.execute("HANGUP")

    # -- connection

    def received(self, data: bytes) -> None:
        """Process bytes from Asterisk: pass each complete reply to the running command.

        A malformed or unexpected reply closes the connection.
        """
        if self._ended is not None:
            return
        self._buffer += data
        try:
            while (line := take_reply(self._buffer, self._value_end)) is not None:
                self._reply(line)
        except BadReply as error:
            self._end(error)

    def connection_lost(self) -> None:
        """Let the running command and all further ones raise AGIHangup, because the connection was lost."""
        self._fail(AGIHangup("Asterisk closed the connection"))

    def close(self, because: str) -> None:
        """Close the connection for the reason `because`: `time_limit` or `shutdown`.

        The running command and all further ones raise AGIHangup.
        """
        self.closed_because = self.closed_because or because
        self._end(AGIHangup(f"closed: {because}"))

    # -- inside

    async def _play(
        self, command: str, sound: str, *arguments: str | int, seconds: float = PLAY_SECONDS
    ) -> AgiReply:
        """Send a command that plays a prompt, and return its reply.

        Raises PromptMissing if Asterisk has no such sound file.
        """
        try:
            return await self.execute(command, sound, *arguments, seconds=seconds)
        except AGIHangup:
            raise
        except AGIAppError as error:
            # `result=-1` means a hang-up or a missing file. For a channel that has ended, Asterisk answers
            # CHANNEL STATUS with 511, or the HANGUP line comes first.
            await self.channel_status()
            raise PromptMissing(f"no sound file {sound!r}") from error

    def _number(self, reply: AgiReply) -> int:
        """Return the result in a reply as a number: a channel state, or the ASCII code of a key.

        If the result is not a number from 0 to 127, close the connection and raise BadReply.
        """
        if reply.result.isascii() and reply.result.isdigit() and int(reply.result) < _ASCII_CODES:
            return int(reply.result)
        error = BadReply(f"not a number: {reply.result[:40]!r}")
        self._end(error)
        raise error

    def _reply(self, line: bytes) -> None:
        """Finish the running command with one complete reply, or let it raise the error in the reply.

        Raises BadReply if no command runs, if the reply is malformed, or if another reply follows it.
        """
        if line == _HANGUP.rstrip():
            # The HANGUP line can come at any time. A reply to the running command may follow and is ignored.
            self._fail(AGIHangup("the caller hung up"))
            return
        if self._waiting is None:
            raise BadReply("a line without a running command")
        if self._stopped_by:
            if line == f"200 result=1 ({self._stopped_by})".encode():
                self._stopped_by = ""
                waiting, self._waiting = self._waiting, None
                waiting.errback(Interrupted("stopped"))
            return  # any other reply came before Asterisk read the interruption
        # With AGIEXITONHANGUP the HANGUP line comes twice (16.28, 22.10). Anything else is a second reply,
        # which would be mistaken for the reply to the next command.
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
        """Let the running command and all further ones raise the error.

        If the channel has ended with an earlier error, that error stays in force.
        """
        if self._ended is not None:
            return
        self._ended = error
        self._buffer.clear()
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.errback(error)

    def _end(self, error: AGIError) -> None:
        """Close the connection, and let the running command and all further ones raise the error."""
        self._transport.abortConnection()
        self._fail(error)

    def _cancelled(self, _: Deferred[AgiReply]) -> None:
        """Close the connection after a command was cancelled.

        Otherwise a late reply to the cancelled command could be mistaken for the reply to the next command.
        """
        self._waiting = None
        self._end(AGIHangup("cancelled"))
