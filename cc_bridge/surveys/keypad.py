"""Keypad input: the meaning of the keys that a caller presses, depending on the current question. Pure.

A key may be an answer and also the start of a longer answer: on a scale from 0 to 10, `1` may be the start of
`10`. Then the next key decides which it is. `#` or silence ends the answer.
"""

from enum import Enum, auto

from cc_bridge.surveys.questions import Question, longer

__all__ = ["KeypadInput", "KeypadMeaning"]


class KeypadMeaning(Enum):
    """The meaning that pressed keys have for the current question."""

    ANSWER = auto()
    CONSENT = auto()  # to the recording of a comment
    DECLINE = auto()  # the caller refuses the recording
    SKIP = auto()
    OPT_OUT = auto()
    MORE = auto()  # a longer answer is possible; wait for the next key
    WRONG = auto()
    NOTHING = auto()


class KeypadInput:
    """The keys that a caller has pressed so far to answer one question."""

    def __init__(self, question: Question, skip_key: str | None, opt_out_key: str | None) -> None:
        self.heard = False  # the question was played; earlier keys are typed ahead
        self.value = 0  # the stored value of the last ANSWER
        self._question = question
        self._skip_key = skip_key
        self._opt_out_key = opt_out_key
        self._keys = ""

    def pressed(self, key: str) -> KeypadMeaning:
        """Add the next key and return the meaning of all keys so far; an empty `key` means silence."""
        keys = self._keys
        if key not in {"", "#"}:
            keys += key
            if longer(keys, [*self._question.keys, self._skip_key or "", self._opt_out_key or ""]):
                self._keys = keys
                return KeypadMeaning.MORE
        self._keys = ""
        return self._meaning(keys)

    def _meaning(self, keys: str) -> KeypadMeaning:
        if keys and keys == self._opt_out_key:
            return KeypadMeaning.OPT_OUT
        if keys and keys == self._skip_key and self._question.skippable:
            return KeypadMeaning.SKIP
        if self._question.comment:
            if not self.heard:  # a key before the end of the question is no consent to a recording
                return KeypadMeaning.NOTHING
            return KeypadMeaning.CONSENT if keys in self._question.keys else KeypadMeaning.DECLINE
        if not keys:
            return KeypadMeaning.NOTHING
        value = self._question.value_of(keys)
        if value is None:
            return KeypadMeaning.WRONG
        self.value = value
        return KeypadMeaning.ANSWER
