"""The turns of HTTP requests: answers take at most half of the time.

While a request is answered, the reactor does nothing else: callers in a survey wait. So of many requests that
arrive together, one is answered, and the next one after as much time as this answer took.
"""

from collections.abc import Callable, Hashable

from twisted.internet.interfaces import IReactorTime

__all__ = ["Turns"]


class Turns:
    """The turns of requests: one request is answered at a time, and between two answers is a pause.

    The pause is as long as the answer before it took. It ends in the reactor's next iteration at the
    earliest. `reactor` is None outside a daemon; there is no pause then, and each request is answered
    immediately.
    """

    def __init__(self, reactor: IReactorTime | None) -> None:
        self._reactor = reactor
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._paused = False

    def take(self, who: Hashable, answer: Callable[[], None]) -> None:
        """Call `answer` now, or queue it.

        It is queued while another request is being answered, and during the pause after that. `who`
        identifies the queued request, so that `drop` can remove it.
        """
        if self._reactor is None:
            answer()
        elif self._paused:
            self._waiting[who] = answer
        else:
            self._paused = True
            began_at = self._reactor.seconds()
            try:
                answer()
            finally:
                self._reactor.callLater(max(0.0, self._reactor.seconds() - began_at), self._next)

    def drop(self, who: Hashable) -> None:
        """Do not answer the request of `who` any more, if it still waits."""
        self._waiting.pop(who, None)

    def _next(self) -> None:
        self._paused = False
        if self._waiting:
            who = next(iter(self._waiting))
            self.take(who, self._waiting.pop(who))
