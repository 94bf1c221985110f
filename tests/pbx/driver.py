"""The tests' own client of an Asterisk: pyst2's `Manager`, written by others and so an honest witness.

It makes the calls and remembers every event. pyst2 waits without end, so every wait here has
a deadline; and one `ChanVariable` header makes it deaf, so no test PBX may set `channelvars`.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from asterisk.manager import Event, Manager, ManagerException, ManagerMsg

__all__ = ["Driver", "Event", "Predicate", "event"]

ANSWER_SECONDS = 10.0  # for an answer to an action
FLUSH_SECONDS = 0.5  # Asterisk up to 22.10 may keep an event back until it hears from us (issue 2145)

Predicate = Callable[[Event], bool]


def event(name: str, **headers: str) -> Predicate:
    """Match an event by its name and the exact values of some headers."""
    return lambda seen: seen.name == name and headers.items() <= seen.headers.items()


class _Deadline(queue.Queue):
    """The queue in which pyst2 waits for answers, with an end to the waiting."""

    def get(self, block: bool = True, timeout: float | None = ANSWER_SECONDS) -> Any:
        try:
            return super().get(block, timeout)
        except queue.Empty:
            raise TimeoutError(f"no answer from Asterisk in {timeout} s") from None


class _Manager(Manager):
    def __del__(self) -> None:
        """Do nothing: pyst2 would log off here, when a dying interpreter can no longer do it."""


class Driver:
    """One manager session; `seen` holds its events, the oldest first."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self.seen: list[Event] = []
        self._news = threading.Condition()
        self._manager = _Manager()
        self._manager._response_queue = _Deadline()
        self._manager.register_event("*", self._heard)
        try:
            self._manager.connect("127.0.0.1", port)
            self._manager.login(user, secret)
        except (ManagerException, TimeoutError):
            self.close()
            raise

    def close(self) -> None:
        """Log off; a PBX that hangs keeps a daemon thread, not the test run."""
        closing = threading.Thread(target=self._log_off, daemon=True)
        closing.start()
        closing.join(2 * ANSWER_SECONDS)

    def _log_off(self) -> None:
        with suppress(ManagerException, TimeoutError, ValueError):  # pyst2's threads race for its socket
            self._manager.close()

    def _heard(self, heard: Event, _manager: Manager) -> None:
        with self._news:
            self.seen.append(heard)
            self._news.notify_all()

    # Events

    def wait_for(self, wanted: Predicate, timeout: float = 30.0, start: int = 0) -> Event:
        """Return the first event from `seen[start]` on that is wanted; TimeoutError names the last ones."""
        deadline = time.monotonic() + timeout
        checked = start
        while True:
            with self._news:
                if checked >= len(self.seen):
                    self._news.wait(min(FLUSH_SECONDS, max(0.0, deadline - time.monotonic())))
                fresh = self.seen[checked:]
            for candidate in fresh:
                if wanted(candidate):
                    return candidate
            checked += len(fresh)
            if time.monotonic() > deadline:
                names = ", ".join(each.name for each in self.seen[-20:])
                raise TimeoutError(f"no such event in {timeout} s; the last ones: {names}")
            if not fresh:
                self.action("Ping")

    def since(self, start: int, timeout: float = FLUSH_SECONDS) -> list[Event]:
        """Return the events from `seen[start]` on; wait a little for one."""
        with self._news:
            if start >= len(self.seen):
                self._news.wait(timeout)
            fresh = self.seen[start:]
        if not fresh:
            self.action("Ping")
        return fresh

    def events(self, wanted: Predicate) -> list[Event]:
        """Return the events seen until now that are wanted."""
        with self._news:
            return [each for each in self.seen if wanted(each)]

    def forget(self) -> None:
        """Start a new record, after all that is under way has come in."""
        self.action("Ping")
        with self._news:
            self.seen.clear()

    def hear_only(self, *classes: str) -> None:
        """Hear events of these classes only, such as `call`; `on` for all. A busy PBX says much."""
        self.action("Events", EventMask=",".join(classes))

    # Doing things

    def action(self, name: str, **headers: str | list[str]) -> ManagerMsg:
        """Send an action and return its answer; ManagerException if it is an error."""
        answer = self._manager.send_action({"Action": name, **headers})
        if answer.get_header("Response") == "Error":
            raise ManagerException(f"{name}: {answer.get_header('Message')}")
        return answer

    def ask(self, name: str, complete: str, **headers: str) -> list[Event]:
        """Return the items of a list action, such as `QueueStatus`; AssertionError if it is not whole."""
        start = len(self.seen)
        answer = self.action(name, **headers)
        if answer.data:  # pyst2 takes a list that it hears "status will follow" of for one message
            items = [Event(ManagerMsg(lines)) for lines in _messages(answer.data)]
        else:
            ours: Predicate = lambda seen: seen.get_header("ActionID") == answer["ActionID"]  # noqa: E731
            self.wait_for(lambda seen: seen.name == complete and ours(seen), start=start)
            items = self.events(ours)
        end = items.pop()
        if end.name != complete or int(end["ListItems"]) != len(items):
            raise AssertionError(f"{name}: {len(items)} items came before {end.headers}")
        return items

    def set_global(self, name: str, value: object) -> None:
        self.action("Setvar", Variable=name, Value=str(value))

    def command(self, line: str) -> None:
        """Run a line of Asterisk's console."""
        self.action("Command", Command=line)

    def channels(self, **headers: str) -> list[Event]:
        """Return the live channels with these headers, such as Context and Exten."""
        items = self.ask("CoreShowChannels", "CoreShowChannelsComplete")
        return [item for item in items if headers.items() <= item.headers.items()]

    def until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Ask Asterisk again and again until what it says is right."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not so after {timeout} s")
            time.sleep(0.05)


def _messages(text: str) -> Iterator[list[str]]:
    """Cut what pyst2 left in one piece into messages, as it wants them: lines with their ends."""
    for message in text.strip().split("\r\n\r\n"):
        yield [f"{line}\r\n" for line in message.split("\r\n")]
