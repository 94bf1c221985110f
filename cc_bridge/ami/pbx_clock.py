"""The PBX's clock, as answers to pings and the instants of events show it.

A steady clock measures this: Twisted's reactor, which the daemon sets to the monotonic clock. So a change of
this machine's clock does not matter. The difference of the two clocks has two limits: an answer was written
after its ping was sent, and before the answer was received. If the limits of two answers exclude each other,
the PBX's clock was set in between. This is certain even if this process stood still for a minute.
"""

__all__ = ["PbxClock"]

# A smaller step is not reported: it does no harm, and a time server makes such corrections.
_STEP_SECONDS = 0.3
# Several threads of Asterisk stamp events, so an event may be a little earlier than the one before.
_EARLIER_SECONDS = 0.5
# A time server speeds a clock up or slows it down by up to this part (Linux: 500 ppm), and clocks drift.
_DRIFT = 0.001


class PbxClock:
    """The difference of the PBX's clock to a steady clock, and the steps of the PBX's clock.

    offset: seconds that the PBX's clock is ahead of the steady clock; None before the first answer
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._low = self._high = 0.0  # the limits of the difference
        self._at = 0.0  # instant of the last answer, by the steady clock

    def answered(self, stamp: float, sent: float, received: float) -> float:
        """Note an answer with the PBX's time `stamp`; return by how many seconds the clock was set before it.

        The ping was sent at `sent`, and the answer was received at `received`, by the steady clock.
        """
        low, high = stamp - received, stamp - sent
        before = self.offset
        drift = _DRIFT * (received - self._at)
        least, most = self._low - drift, self._high + drift
        self._at = received
        if before is None or low > most + _STEP_SECONDS or high < least - _STEP_SECONDS:
            self._low, self._high, self.offset = low, high, (low + high) / 2
            return 0.0 if before is None else self.offset - before
        # An answer that was on its way for long does not widen the limits.
        self._low, self._high = sorted((max(low, least), min(high, most)))
        self.offset = (self._low + self._high) / 2
        return 0.0

    def event_seen(self, at: float, earlier: float, now: float) -> float:
        """Return by how many seconds the clock was set before an event at the instant `at`.

        `earlier` is the instant of the event before, and `now` the time of the steady clock. An event in the
        future shows a step, and so does an event before the earlier one. An old event alone shows nothing,
        because it may have been on its way for long. The next answer corrects the size of the step.
        """
        if self.offset is None:
            return 0.0
        latest = now + self._high + _DRIFT * (now - self._at)
        if earlier - _EARLIER_SECONDS < at <= latest + _STEP_SECONDS:
            return 0.0
        step = at - now - self.offset
        self.offset, self._low, self._high = self.offset + step, self._low + step, self._high + step
        return step
