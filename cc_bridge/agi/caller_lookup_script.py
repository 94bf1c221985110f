"""The FastAGI script `caller-lookup`: sets channel variables about the caller before the call enters a queue.

`customers/profile.py` defines the variables. The caller hears nothing during the lookup. If the database does
not answer within 150 ms, the script therefore ends without setting any variable. The dialplan empties the
variables before the lookup.
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

TIMEOUT_SECONDS = 0.15  # too short to be noticed in a ringing tone


class CallerLookupScript:
    """The caller lookup of one PBX.

    `profile` looks up a caller's number. It returns None for a withheld or shared number, otherwise a
    Deferred that fires with the profile. `on_result` is called with the result of each lookup: found,
    anonymous, timeout or failed.
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
        """Look up the caller and set the channel variables; set none if the lookup fails or times out."""
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
        """Log the first of several failures in a row.

        Only the class of `error` is logged, because its text can contain the caller's number.
        """
        if not self._failing:
            _log.warn(
                "caller lookup failed: {error}; calls continue without customer data until a lookup succeeds",
                error=type(error).__name__,
            )
        self._failing = True
