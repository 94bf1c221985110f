"""The base of the daemon's services: what each is given, its start and stop, and a reload at run time.

Services start in order and stop in reverse order, each after the one before has stopped. A reload puts an
option in force if a service declares it in `taken_over`. Every other changed option needs a restart.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from time import time
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.storage.database import Database

__all__ = ["Context", "DaemonService", "SequentialServices", "changed_options", "per_queue"]

_log = Logger()

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Context:
    """What every service is given. `config` is that of the start; `reactor` is the clock, too."""

    config: Config
    reactor: Any
    now: Callable[[], float]  # this machine's clock, UTC seconds since the epoch
    in_thread: Callable[..., Deferred[Any]]  # calls a function in a thread, fires in the reactor
    database: Database

    @classmethod
    def of(cls, config: Config, reactor: Any) -> "Context":
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        return cls(config, reactor, time, in_thread, Database(config.storage.url, reactor))


def per_queue(*options: str) -> tuple[str, ...]:
    """Return the patterns of options of a queue: of all by default, and of each by name."""
    return tuple(f"{table}.{option}" for option in options for table in ("queue_defaults", "queues.*"))


class DaemonService(Service):
    """A part of the daemon; `config` is the configuration in force."""

    taken_over: ClassVar[tuple[str, ...]] = ()
    """Options that `reconfigure` puts in force, as patterns such as `wallboard.*`."""

    def __init__(self, context: Context) -> None:
        self.config = context.config

    def startService(self) -> None:
        Service.startService(self)
        self.start()

    def stopService(self) -> Deferred[None] | None:
        Service.stopService(self)
        return self.stop()

    def start(self) -> None:
        """Start what the service does."""

    def stop(self) -> Deferred[None] | None:
        """Stop it; a Deferred fires when the services that started before may stop."""

    def reconfigure(self, config: Config) -> None:
        """Put a new configuration in force. Raises CcBridgeError before anything has changed."""
        self.config = config


class SequentialServices(MultiService):
    """Services that start in order and stop in reverse order, one after the other."""

    taken_over: ClassVar[tuple[str, ...]] = ()
    """Options that are read when they are needed, from the `config` of this object."""

    def __init__(self, config: Config) -> None:
        MultiService.__init__(self)
        self.config = config

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop_in_turn())

    async def _stop_in_turn(self) -> None:
        for service in reversed(list(self)):
            try:
                await maybeDeferred(service.stopService)
            except Exception:  # those that started before still have records to write
                _log.failure("{service} did not stop in order", service=type(service).__name__)

    def reconfigure(self, config: Config) -> list[str]:
        """Put in force what the services take over; return the changed options that need a restart.

        Those keep their values everywhere, so that no two services disagree. Raises CcBridgeError, and then
        keeps everything as it was: only the first service may refuse.
        """
        services = list(_leaves(self))
        patterns = [*self.taken_over, *(pattern for service in services for pattern in service.taken_over)]
        queues = self.config.queues.keys() | config.queues.keys()
        before, after = _with_queues(self.config, queues), _with_queues(config, queues)
        changed = list(changed_options(before, after))
        later = [option for option in changed if not _matches(option, patterns)]
        in_force = _taking(before, after, set(changed) - set(later))
        for service in services:
            service.reconfigure(in_force)
        self.config = in_force
        return later


def _leaves(services: MultiService) -> Iterator[DaemonService]:
    for service in services:
        if isinstance(service, DaemonService):
            yield service
        elif isinstance(service, MultiService):
            yield from _leaves(service)


def _matches(option: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(option, pattern) for pattern in patterns)


def _with_queues(config: Config, queues: Collection[str]) -> Config:
    """Return the configuration with a table for each of the queues: a queue without one has the defaults."""
    return config.model_copy(update={"queues": {name: config.queue(name) for name in sorted(queues)}})


def changed_options(before: BaseModel, after: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the names of the options that differ, such as `survey.directory` or `queues.sales.owner`."""
    for name in type(before).model_fields:
        old, new, option = getattr(before, name), getattr(after, name), f"{prefix}{name}"
        for table, one, other in _tables(old, new, option):
            yield from changed_options(one, other, f"{table}.")
        if old != new and not _is_nested(old):
            yield option


def _taking(before: _Model, after: _Model, taken: Collection[str], prefix: str = "") -> _Model:
    """Return `before` with the options named in `taken` as `after` has them."""
    update: dict[str, Any] = {}
    for name in type(before).model_fields:
        old, new, option = getattr(before, name), getattr(after, name), f"{prefix}{name}"
        if option in taken:
            update[name] = new
        elif isinstance(old, BaseModel):
            update[name] = _taking(old, new, taken, f"{option}.")
        elif _is_nested(old):
            update[name] = {key: _taking(old[key], new[key], taken, f"{option}.{key}.") for key in old}
    return before.model_copy(update=update)


def _is_nested(value: object) -> bool:
    """Tell whether a value holds options of its own: a section, or sections by name."""
    return isinstance(value, BaseModel) or (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(each, BaseModel) for each in value.values())
    )


def _tables(old: Any, new: Any, option: str) -> Iterator[tuple[str, BaseModel, BaseModel]]:
    if isinstance(old, BaseModel):
        yield option, old, new
    elif _is_nested(old):
        for key in old:
            yield f"{option}.{key}", old[key], new[key]
