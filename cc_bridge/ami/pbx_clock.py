"""The difference between the PBX's clock and a steady clock, and the steps of the PBX's clock.

A step is a change of the PBX's clock that sets it forward or back. The steady clock is the monotonic clock of
this machine, so nothing changes if the time of this machine is set.

Each answer to a ping contains the PBX's time. Asterisk wrote the answer after the ping was sent, and before
the answer was received. So each answer gives a range in which the difference must lie. If the ranges of two
answers do not overlap, the PBX's clock was set between these answers. This is certain even if the daemon's
process stood still for a minute, because a standstill only makes a range wider.
"""

__all__ = ["PbxClock"]

# A smaller step is not reported: it does no harm, and a time server makes such corrections.
_STEP_SECONDS = 0.3
# Several threads of Asterisk stamp events, so an event may be a little earlier than the one before.
_EARLIER_SECONDS = 0.5
# A time server speeds a clock up or slows it down by up to this part (Linux: 500 ppm), and clocks drift.
_DRIFT = 0.001


class PbxClock:
    """The difference between the PBX's clock and a steady clock, and the steps of the PBX's clock.

    offset: seconds that the PBX's clock is ahead of the steady clock; None before the first answer to a ping
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._low = self._high = 0.0  # the limits of the difference
        self._at = 0.0  # instant of the last answer, by the steady clock

    def answered(self, stamp: float, sent: float, received: float) -> float:
        """Note the answer to a ping; return the step of the PBX's clock before this answer, in seconds.

        The step is positive if the clock was put forward, and 0 if it was not set. `stamp` is the PBX's time
        in the answer. `sent` and `received` are the times of the ping and of the answer by the steady clock.
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
        """Return the seconds by which the PBX's clock was put forward; negative if back, 0 if not at all.

        The clock was put forward if `at`, the timestamp of an event, is later than the PBX's present time. It
        was put back if `at` is earlier than `earlier`, the timestamp of the event before. An event that is
        merely old is no sign, because its message may have been delayed. `now` is the present time of the
        steady clock. The result is an estimate, which the next answer to a ping corrects.
        """
        if self.offset is None:
            return 0.0
        latest = now + self._high + _DRIFT * (now - self._at)
        if earlier - _EARLIER_SECONDS < at <= latest + _STEP_SECONDS:
            return 0.0
        step = at - now - self.offset
        self.offset, self._low, self._high = self.offset + step, self._low + step, self._high + step
        return step
