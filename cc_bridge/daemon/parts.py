"""The parts that the configuration asks for: what `bridge.py` ties together, made of its settings.

Nothing here does anything yet: no port is opened, no thread runs. What a setting makes impossible is told
as a ConfigError here, before the daemon begins.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from cc_bridge.agi.server import AgiLimits
from cc_bridge.ami.client import AmiTimeouts
from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.ami.originate import OriginateSettings, Originator
from cc_bridge.ami.service import AmiService, Listener, ReconnectPolicy
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config, RetentionConfig, StorageConfig
from cc_bridge.daemon.jobs.retention import RetentionJob
from cc_bridge.daemon.services.callback_dialer import CallbackDialer
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.follow_ups.due_dates import due_at
from cc_bridge.records import SurveyDecision
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.personal_data.retention import Purger, PurgeResult, RetentionPolicy, tables_before
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.queries.follow_up_opener import FollowUpPolicy
from cc_bridge.surveys.callback import CallbackCandidate, CallbackPlan, NoCallbackReason

__all__ = [
    "keep",
    "limits",
    "make_calling_back",
    "make_desk",
    "make_forwarder",
    "make_link",
    "make_nightly",
    "make_tracker",
    "thresholds",
]


def make_tracker(config: Config) -> Tracker:
    agents = Agents(
        config.pbx.name,
        lambda queue: config.queue(queue).wrap_up_seconds,
        config.agents.wrap_up_reasons,
        config.agents.longest_wrap_up_seconds,
    )
    direct = config.direct_calls
    contexts = Contexts(
        tuple(direct.in_contexts), tuple(direct.out_contexts), tuple(direct.internal_contexts)
    )
    return Tracker(
        config.pbx.name,
        config.queues,
        agents,
        contexts,
        direct=direct.enabled,
        numbers=config.callers.numbers == "plain",
    )


def make_link(config: Config, listener: Listener, reactor: Any) -> AmiService:
    ami = config.ami
    return AmiService(
        endpoint=ami_endpoint(ami, reactor),
        credentials=(ami.username, ami.password()),
        listener=listener,
        wanted=WANTED_FOR_DIRECT_CALLS if config.direct_calls.enabled else WANTED,
        clock=reactor,
        wall_clock=time.time,
        chance=random.random,
        timeouts=AmiTimeouts(ping_every=ami.ping_seconds, answer=ami.answer_seconds),
        pauses=ReconnectPolicy(longest=ami.longest_pause_seconds),
    )


def make_forwarder(storage: StorageConfig, reactor: Any) -> Forwarder | None:
    """Return what copies a journal to the database; None: the database is a file, and needs no journal."""
    if not storage.on_server:
        return None
    journal = Journal(storage.journal, storage.journal_max_mb * 1024**2)
    return Forwarder(journal, partial(open_database, storage.url), reactor.callFromThread)


def make_calling_back(
    config: Config,
    asking: SurveyInvitations,
    link: AmiService,
    record: Callable[[SurveyDecision], None],
    on_stage: Callable[[str, str], None],
    reactor: Any,
) -> CallbackDialer | None:
    """Return what calls back who hung up first, if the configuration wants that."""
    callback = config.callback
    if not callback.enabled:
        return None
    originator = Originator(
        ami_endpoint(config.ami, reactor),
        (callback.username, callback.password()),
        OriginateSettings(callback.channel, callback.caller_id, callback.ring_seconds),
        reactor,
    )

    def done(candidate: CallbackCandidate, reason: NoCallbackReason) -> None:
        on_stage(f"callback_{reason}", candidate.invitation.attribution.last.queue)

    plan = CallbackPlan(callback.rules(config.survey.zone), done)
    calling = CallbackDialer(
        config.pbx.name, plan, originator.call, link.pbx_now, asking.consents.get, record
    )
    asking.left_first, asking.called_back = calling.left_first, calling.invitation
    return calling


def keep(retention: RetentionConfig) -> RetentionPolicy:
    return RetentionPolicy(
        retention.calls_days,
        retention.ratings_days,
        retention.comments_days,
        retention.funnel_days,
        retention.follow_ups_days,
    )


def make_desk(config: Config, shared: frozenset[str]) -> FollowUpPolicy:
    """Return who is to call back, and until when; `shared` are the keys of numbers that are nobody's."""
    follow_ups, hours = config.follow_ups, config.follow_ups.hours(config.survey.zone)
    return FollowUpPolicy(
        rules=follow_ups.rules(shared),
        owner=lambda queue: config.queue(queue).owner,
        owners={queue.owner for queue in (config.queue_defaults, *config.queues.values())},
        due_at=lambda at: due_at(at, hours, follow_ups.due_hours * 3600),
        short=lambda queue: config.queue(queue).short_abandon_seconds,
    )


def make_nightly(
    config: Callable[[], Config],
    journal: Journal | None,
    now: Callable[[], float],
    in_thread: Callable[..., Deferred[Any]],
    reactor: Any,
) -> RetentionJob:
    """Return what deletes what was kept for long enough; `config` gives what is in force."""

    def purge(pause: Callable[[float], bool]) -> PurgeResult:
        current, at = config(), now()
        kept = keep(current.retention)
        if journal is not None:
            journal.forget(tables_before(kept, at))
        engine = make_engine(current.storage.url)
        try:
            recordings = Recordings(current.survey.recordings)
            return Purger(engine, current.pbx.name, kept, at, recordings, pause).run()
        finally:
            engine.dispose()

    return RetentionJob(purge, lambda: config().retention.hour, time.time, in_thread, reactor)


def thresholds(config: Config) -> list[float]:
    """Return the seconds that must be bounds of a histogram."""
    queues = [config.queue_defaults, *config.queues.values()]
    return [
        seconds for queue in queues for seconds in (queue.service_level_seconds, queue.short_abandon_seconds)
    ]


def limits(config: Config) -> AgiLimits:
    agi = config.agi
    return AgiLimits(agi.max_callers, agi.max_seconds, agi.head_lines, agi.head_bytes, agi.head_seconds)
