"""What a caller types, judged by the question that it answers. Pure.

`interview.py` gives each key to it. The trap: `1` answers a question from 0 to 10, and is the begin of `10`:
then the next key tells, or the end of the answer, which is `#` or silence.
"""

from enum import Enum, auto

from cc_bridge.surveys.questions import Question, longer

__all__ = ["KeypadInput", "KeypadMeaning"]


class KeypadMeaning(Enum):
    """What the keys mean."""

    ANSWER = auto()
    CONSENT = auto()  # to be recorded
    DECLINE = auto()  # to be recorded
    SKIP = auto()
    OPT_OUT = auto()
    MORE = auto()  # it may go on
    WRONG = auto()
    NOTHING = auto()


class KeypadInput:
    """The keys that came for one question."""

    def __init__(self, question: Question, skip_key: str | None, opt_out_key: str | None) -> None:
        self.heard = False  # the question was played; until then keys are typed ahead
        self.value = 0  # of the answer
        self._question = question
        self._skip_key = skip_key
        self._opt_out_key = opt_out_key
        self._keys = ""

    def pressed(self, key: str) -> KeypadMeaning:
        """Take the next key, empty for silence."""
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
            if not self.heard:  # nobody consents to a recording before the question was heard
                return KeypadMeaning.NOTHING
            return KeypadMeaning.CONSENT if keys in self._question.keys else KeypadMeaning.DECLINE
        if not keys:
            return KeypadMeaning.NOTHING
        value = self._question.value_of(keys)
        if value is None:
            return KeypadMeaning.WRONG
        self.value = value
        return KeypadMeaning.ANSWER
