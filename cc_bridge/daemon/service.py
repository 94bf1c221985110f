"""Base classes of the daemon's services: shared context, start, stop, and configuration reload.

Services start in order and stop in reverse order, each after the previous one has stopped. A service lists in
`taken_over` the options that a reload applies at run time. Every other changed option needs a restart.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from time import time
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.process.periodic_task import PeriodicTask
from cc_bridge.queue_names import QueueMap, QueueNames
from cc_bridge.storage.database import Database

__all__ = [
    "Context",
    "DaemonService",
    "RecordHandlers",
    "SequentialServices",
    "changed_options",
    "per_queue",
]

_log = Logger()

_Model = TypeVar("_Model", bound=BaseModel)

RecordHandlers = Mapping[type[Any], Callable[[Any], None]]
"""The functions that receive records, by type of record. Records of other types are not received."""


@dataclass(frozen=True, slots=True)
class Context:
    """The objects that the constructor of every service receives.

    `config` is the configuration at the start of the daemon. `reactor` is Twisted's reactor, which is also
    the clock of all timers.
    """

    config: Config
    reactor: Any
    now: Callable[[], float]  # this machine's clock, UTC seconds since the epoch
    in_thread: Callable[..., Deferred[Any]]  # calls a function in a thread; the Deferred fires in the reactor
    database: Database
    tasks: list[PeriodicTask] = field(default_factory=list)  # all periodic tasks, for /healthz

    @classmethod
    def of(cls, config: Config, reactor: Any) -> "Context":
        """Return a context with this machine's clock, the reactor's threads and the configured database."""
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        storage = config.storage
        database = Database(storage.url, reactor, storage.answer_timeout_seconds)
        return cls(config, reactor, time, in_thread, database)

    def periodic_task(self, name: str, interval: float, function: Callable[[], Any]) -> PeriodicTask:
        """Return a new task that calls `function` every `interval` seconds once it is started.

        /healthz reports the task by its `name` if it no longer runs.
        """
        task = PeriodicTask(name, interval, function, self.reactor)
        self.tasks.append(task)
        return task


def per_queue(*options: str) -> tuple[str, ...]:
    """Return the patterns that match these options in the configuration section of any queue.

    The sections are `[queue_defaults]` and `[queues.NAME]`. So the patterns of the option `owner` are
    `queue_defaults.owner` and `queues.*.owner`.
    """
    return tuple(f"{table}.{option}" for option in options for table in ("queue_defaults", "queues.*"))


class DaemonService(Service):
    """A service of the daemon; `config` is the configuration in force."""

    taken_over: ClassVar[tuple[str, ...]] = ()
    """Patterns of the options that `reconfigure` applies at run time, such as `wallboard.*`."""

    record_handlers: RecordHandlers = MappingProxyType({})
    """The functions of the service that receive the records of the PBX."""

    def __init__(self, context: Context) -> None:
        self.config = context.config

    def startService(self) -> None:
        """Start the service; subclasses override `start` instead."""
        Service.startService(self)
        self.start()

    def stopService(self) -> Deferred[None] | None:
        """Stop the service; subclasses override `stop` instead."""
        Service.stopService(self)
        return self.stop()

    def start(self) -> None:
        """Start the work of the service; does nothing unless overridden."""

    def stop(self) -> Deferred[None] | None:
        """Stop the work of the service; does nothing unless overridden.

        The daemon stops its services one after the other. Return None if it may stop the next service
        immediately. Otherwise return a Deferred that fires when it may stop the next service.
        """

    def reconfigure(self, config: Config) -> None:
        """Apply a new configuration.

        An override may raise CcBridgeError to reject the configuration, but only before it changes anything.
        """
        self.config = config


class SequentialServices(MultiService):
    """A group of services that start in the order in which they were added and stop in reverse order.

    Each service stops only after the previous one has stopped.
    """

    taken_over: ClassVar[tuple[str, ...]] = ()
    """Options that this object reads from its own `config` at each use, so that a reload applies them."""

    def __init__(self, config: Config) -> None:
        MultiService.__init__(self)
        self.config = config

    def stopService(self) -> Deferred[None]:
        """Stop the services in reverse order; the Deferred fires when the last one has stopped."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop_in_turn())

    async def _stop_in_turn(self) -> None:
        for service in reversed(list(self)):
            try:
                await maybeDeferred(service.stopService)
            except Exception:  # services that were started earlier still have records to write
                _log.failure(
                    "{service} failed to stop cleanly; the other services are stopped as usual",
                    service=type(service).__name__,
                )

    def reconfigure(self, config: Config) -> list[str]:
        """Apply the changed options that a reload can apply; return the names of the other changed options.

        The returned options need a restart. They keep their old values in all services, so that no two
        services disagree. Raises CcBridgeError if the first service rejects the configuration; nothing has
        changed then. Only the first service may reject a configuration.
        """
        services = list(_leaves(self))
        patterns = [*self.taken_over, *(pattern for service in services for pattern in service.taken_over)]
        queues = sorted(QueueNames([*self.config.queues, *config.queues]))
        before, after = _with_queues(self.config, queues), _with_queues(config, queues)
        changed = list(changed_options(before, after))
        later = [option for option in changed if not _matches(option, patterns)]
        in_force = _taking(before, after, set(changed) - set(later))
        for service in services:
            service.reconfigure(in_force)
        self.config = in_force
        return later


def _leaves(services: MultiService) -> Iterator[DaemonService]:
    """Yield each `DaemonService` in these services, also those inside other `MultiService` objects."""
    for service in services:
        if isinstance(service, DaemonService):
            yield service
        elif isinstance(service, MultiService):
            yield from _leaves(service)


def _matches(option: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(option, pattern) for pattern in patterns)


def _with_queues(config: Config, queues: Iterable[str]) -> Config:
    """Return the configuration with a section for each of these queues.

    A queue that has no section in the configuration gets a copy of `[queue_defaults]`. Two configurations
    that name different queues can then be compared queue by queue.
    """
    return config.model_copy(update={"queues": QueueMap({name: config.queue(name) for name in queues})})


def changed_options(before: BaseModel, after: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the names of the options that differ between two configurations of the same type.

    A name is complete, such as `survey.directory` or `queues.sales.owner`. If `before` and `after` are the
    same section of two configurations, `prefix` is the name of this section with a final dot.
    """
    for name in type(before).model_fields:
        old, new, option = getattr(before, name), getattr(after, name), f"{prefix}{name}"
        for table, one, other in _tables(old, new, option):
            yield from changed_options(one, other, f"{table}.")
        if old != new and not _is_nested(old):
            yield option


def _taking(before: _Model, after: _Model, taken: Collection[str], prefix: str = "") -> _Model:
    """Return a copy of `before` in which the options named in `taken` have their values from `after`.

    If `before` and `after` are the same section of two configurations, `prefix` is the name of this section
    with a final dot.
    """
    update: dict[str, Any] = {}
    for name in type(before).model_fields:
        old, new, option = getattr(before, name), getattr(after, name), f"{prefix}{name}"
        if option in taken:
            update[name] = new
        elif isinstance(old, BaseModel):
            update[name] = _taking(old, new, taken, f"{option}.")
        elif _is_nested(old):
            sections = {key: _taking(old[key], new[key], taken, f"{option}.{key}.") for key in old}
            update[name] = QueueMap(sections)
    return before.model_copy(update=update)


def _is_nested(value: object) -> bool:
    """Return whether a value is a configuration section, or the mapping of all queues to their sections.

    The table `users` is one option: a reload applies it as a whole, since its names come and go.
    """
    return isinstance(value, BaseModel) or (isinstance(value, QueueMap) and bool(value))


def _tables(old: Any, new: Any, option: str) -> Iterator[tuple[str, BaseModel, BaseModel]]:
    """Yield the name, old and new value of a configuration section, or of each section in a mapping.

    `option` is the complete name of the section or the mapping. A mapping has sections by their names, such
    as `queues`. `old` and `new` are the values in two configurations. For a value of another kind, nothing is
    yielded.
    """
    if isinstance(old, BaseModel):
        yield option, old, new
    elif _is_nested(old):
        for key in old:
            yield f"{option}.{key}", old[key], new[key]
