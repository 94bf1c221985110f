"""The FastAGI script `consent`: asks callers before the queue whether they agree to a survey after the call.

Only the key 1 means yes. Another key, silence, a hang-up and a missing prompt mean no. The agent must not
know the answer. It is therefore kept in the daemon's memory and in CCB_CONSENT, a channel variable that no
other channel inherits.
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
WAIT_SECONDS = 5.0  # for a key after the prompt; short, because the caller is not in the queue yet


class ConsentScript:
    """The consent question of one PBX.

    `sounds` maps each prompt to its sound files by language. `remember` is called with the caller's Uniqueid
    and answer before the caller enters the queue, also after a hang-up.
    """

    def __init__(
        self, sounds: Mapping[str, Mapping[str, str]], remember: Callable[[str, bool], None]
    ) -> None:
        self._sounds = sounds.get(PROMPT, {})
        self._remember = remember

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Ask the caller, store the answer, and set the channel variable CCB_CONSENT to yes or no."""
        given = False
        try:
            given = await self._key(request.language, channel) == YES
        except PromptMissing as error:
            _log.error(
                "the consent question cannot be played: {error}; the call continues without consent",
                error=error,
                uniqueid=request.uniqueid,
            )
        finally:
            self._remember(request.uniqueid, given)
        await channel.set_variable(VARIABLE, "yes" if given else "no")

    async def _key(self, language: str, channel: AgiChannel) -> str:
        """Play the question in the caller's language, or in an available one, and return the pressed key.

        The key is empty if the caller pressed none. Raises PromptMissing if there is no recording of the
        question.
        """
        base = language.replace("-", "_").partition("_")[0]
        speaks = next((each for each in (language, base, *self._sounds) if each in self._sounds), None)
        if speaks is None:
            raise PromptMissing(f"no prompt {PROMPT!r} in the catalogue")
        if speaks != language:
            # Asterisk reads the file from the folder of the channel's language. The caller's language is
            # restored after the question. The agent's channel has a language of its own.
            await channel.set_variable("CHANNEL(language)", speaks)
        try:
            return await channel.get_key(self._sounds[speaks], WAIT_SECONDS)
        finally:
            if speaks != language:
                await channel.set_variable("CHANNEL(language)", language)
