"""Tells the dialplan, before the queue, who calls: the FastAGI script `caller-lookup`.

The wiring gives `CallerLookupScript.run` to the FastAGI listener. The variables are those of
`customers/profile.py`. The trap: the caller hears nothing meanwhile. So what the database does not tell
in 150 ms is not waited for, and nothing is set; the dialplan has emptied the variables before.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred, TimeoutError as TooLate
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.customers.profile import Priorities, Profile, variables

__all__ = ["TIMEOUT_SECONDS", "CallerLookupScript"]

_log = Logger()

TIMEOUT_SECONDS = 0.15  # nobody notices that in a ringing tone


class CallerLookupScript:
    """Looks up the callers of one PBX.

    `profile` gets the caller's number: None for one that nobody in particular calls from, else what fires
    with the profile. `on_result` hears how it went: found, anonymous, timeout, failed.
    """

    def __init__(
        self,
        profile: Callable[[str], Deferred[Profile] | None],
        priorities: Priorities,
        clock: IReactorTime,
        on_result: Callable[[str], None] = lambda _how: None,
    ) -> None:
        self._profile = profile
        self._priorities = priorities
        self._clock = clock
        self._on_result = on_result
        self._failing = False

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Set the variables, or nothing."""
        asked = self._profile(request.caller_id)
        if asked is None:
            self._on_result("anonymous")
            return
        try:
            profile = await asked.addTimeout(TIMEOUT_SECONDS, self._clock)
        except Exception as error:
            late = isinstance(error, TooLate)
            self._on_result("timeout" if late else "failed")
            self._log_first(error)
            return
        self._failing = False
        for name, value in variables(profile, self._priorities).items():
            await channel.set_variable(name, value)
        self._on_result("found")

    def _log_first(self, error: Exception) -> None:
        """Log the first of a row; its text could hold the number."""
        if not self._failing:
            _log.warn(
                "callers are not known before the queue: the database does not tell in time ({error})",
                error=type(error).__name__,
            )
        self._failing = True
