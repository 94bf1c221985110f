"""Asks a caller, before the queue, whether he wants to be asked afterwards: key 1 is a yes.

The wiring gives `ConsentScript.run` to the FastAGI listener for agi://.../consent. Only a pressed 1 is a yes:
another key, silence, a hang-up and a missing prompt are not. The trap: the agent must not know, so the
answer goes to the daemon's memory and to CCB_CONSENT, a variable that no other channel inherits.
"""

from collections.abc import Callable, Mapping

from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel, PromptMissing
from cc_bridge.agi.request import Request

__all__ = ["PROMPT", "VARIABLE", "ConsentScript"]

_log = Logger()

PROMPT = "consent_before"
VARIABLE = "CCB_CONSENT"
YES = "1"
WAIT_SECONDS = 5.0  # after the prompt; the queue is waiting


class ConsentScript:
    """Asks one question on one PBX.

    `sounds` gives the sound files: prompt -> language -> file. `remember` gets the caller's Uniqueid and
    answer, and is called before the caller goes on to the queue, also for a hang-up.
    """

    def __init__(
        self, sounds: Mapping[str, Mapping[str, str]], remember: Callable[[str, bool], None]
    ) -> None:
        self._sounds = sounds.get(PROMPT, {})
        self._remember = remember

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Ask, remember, and tell the dialplan."""
        given = False
        try:
            given = await self._key(request.language, channel) == YES
        except PromptMissing as error:
            _log.error("{error}: nobody is asked for consent", error=error, uniqueid=request.uniqueid)
        finally:
            self._remember(request.uniqueid, given)
        await channel.set_variable(VARIABLE, "yes" if given else "no")

    async def _key(self, language: str, channel: AgiChannel) -> str:
        """Play the question in the caller's language, or in the one that there is."""
        base = language.replace("-", "_").partition("_")[0]
        speaks = next((each for each in (language, base, *self._sounds) if each in self._sounds), None)
        if speaks is None:
            raise PromptMissing(f"no prompt {PROMPT!r} in the catalogue")
        if speaks != language:
            # Asterisk looks for the file in the folder of the channel's language. The agent's language is
            # that of his own channel, and the caller's comes back.
            await channel.set_variable("CHANNEL(language)", speaks)
        try:
            return await channel.get_key(self._sounds[speaks], WAIT_SECONDS)
        finally:
            if speaks != language:
                await channel.set_variable("CHANNEL(language)", language)
