"""Check of the calls in the database: did the dialplan send the answered callers to the survey.

The check blocks. It reads the latest answered callers of each queue that has a survey.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.queries.survey_routing import QueueRouting, latest_routing

__all__ = ["check"]

_NAME = "surveys.routing"
_SINCE_SECONDS = 7 * 86_400.0
_CALLERS = 20  # of each queue
_ENOUGH = 3  # callers; if none of at least this number was routed, the check fails
_ADVICE = (
    "replace each Queue() of this queue by Gosub(cc-bridge-queue,s,1({queue})), also in overflows and targets"
    " of transfers (FreePBX: use the Custom Destination before the queue), then: asterisk -rx 'dialplan"
    ' reload\'. The table not_routed_calls has the calls. If the queue is to have no survey, set survey = ""'
    " in its section"
)


def check(config: Config) -> Iterator[CheckResult]:
    """Yield a result for each queue whose survey was not reached by some of its latest answered callers.

    The result is a warning. It is a failure if there are at least three such callers of the queue and none of
    them reached the survey. If all callers reached the surveys, yield one result with the level ok. Yield
    nothing if surveys are disabled or the database cannot be read.
    """
    if not config.survey.enabled:
        return
    try:
        engine = make_engine(config.storage.url)
        if not config.storage.on_server and not Path(str(engine.url.database)).exists():
            return  # SQLite would create the file
        try:
            with engine.connect() as connection:
                found = latest_routing(connection, config.pbx.name, time.time() - _SINCE_SECONDS, _CALLERS)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError):
        return  # reported by the check of the database
    asked = {queue: routing for queue, routing in found.items() if config.queue(queue).survey}
    faults = {queue: routing for queue, routing in asked.items() if routing.not_routed}
    for queue, routing in faults.items():
        yield _fault(config, queue, routing)
    if not faults:
        callers = sum(routing.callers for routing in asked.values())
        yield ok(
            _NAME, f"the last {callers} answered callers came to the survey" if callers else "no calls yet"
        )


def _fault(config: Config, queue: str, routing: QueueRouting) -> CheckResult:
    """Return the result for a queue some of whose answered callers did not reach the survey.

    `routing` counts the queue's latest answered callers, and those of them who did not reach the survey. The
    result is a failure if there are at least three callers and none of them reached the survey. Otherwise it
    is a warning.
    """
    last = datetime.fromtimestamp(routing.last_at, config.general.zone)
    seen = (
        f"{queue}: {routing.not_routed} of the last {routing.callers} answered callers did not come through"
        f" cc-bridge-queue, the last one on {last:%Y-%m-%d at %H:%M:%S}"
    )
    all_of_them = routing.not_routed == routing.callers >= _ENOUGH
    return (fail if all_of_them else warn)(_NAME, seen, _ADVICE.format(queue=queue))
