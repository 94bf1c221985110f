"""The ticks: functions of other services that run once a second, each as a periodic task."""

from collections.abc import Callable, Mapping

from cc_bridge.daemon.service import Context, DaemonService

__all__ = ["Ticks"]

_TICK_SECONDS = 1.0


class Ticks(DaemonService):
    """The service that calls each function of `functions` once a second.

    The keys of `functions` are the names of the functions in the log and in /healthz.
    """

    def __init__(self, context: Context, functions: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(context)
        self._tasks = [
            context.periodic_task(name, _TICK_SECONDS, function) for name, function in functions.items()
        ]

    def start(self) -> None:
        for task in self._tasks:
            task.start()

    def stop(self) -> None:
        for task in self._tasks:
            task.stop()
