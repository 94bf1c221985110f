"""Goes through all subjects, one after the other, each within its time.

`commands/doctor.py` runs `DoctorRun.run` in a reactor. What blocks runs in a thread of its own that nobody
waits for at the end: a name server or a database that does not answer must hold up neither the others nor
the exit.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError as TooLate
from twisted.internet.endpoints import connectProtocol
from twisted.python.failure import Failure

from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.config import Config
from cc_bridge.doctor import (
    config_and_secrets,
    daemon,
    database,
    dialplan,
    duplicate_daemon,
    events,
    manager,
    queues,
    sounds,
    webhooks,
)
from cc_bridge.doctor.check_result import CheckResult, fail
from cc_bridge.doctor.originate import call, dialling
from cc_bridge.doctor.session import ManagerSession, ManagerSnapshot, look
from cc_bridge.errors import AmiError, AmiRefused, CcBridgeError
from cc_bridge.web.auth import is_loopback

__all__ = ["DoctorRun"]

_ANSWER_SECONDS = 5.0  # for one question to the PBX
_SUBJECT_SECONDS = 20.0  # for a subject, such as the database
_PBX_SECONDS = 60.0  # for all questions to the PBX: some thousand where there are hundreds of queues


class DoctorRun:
    """One round. `tell` hears each finding as soon as there is one."""

    def __init__(
        self,
        config: Config,
        file: Path | None,
        reactor: Any,
        tell: Callable[[CheckResult], None],
        *,
        with_call: bool = False,
        sounds_folder: Path | None = None,
    ) -> None:
        self._config = config
        self._file = file
        self._reactor = reactor
        self._tell = tell
        self._with_call = with_call
        self._sounds_folder = sounds_folder

    async def run(self) -> None:
        config = self._config
        await self._apart("config", lambda: config_and_secrets.findings(config, self._file))
        # Before the PBX: the test call needs a daemon.
        await self._apart("daemon", lambda: daemon.findings(config))
        told = None
        try:
            password = config.ami.password()
        except CcBridgeError:
            pass  # told with the files
        else:
            asking = Deferred.fromCoroutine(self._pbx(password))
            asking.addTimeout(_PBX_SECONDS, self._reactor)
            try:
                told = await asking
            except Exception as error:
                self._tell(_cut_off("ami.answers", error, _PBX_SECONDS))
        folder = self._sounds_folder
        data = told.data_folder if told and is_loopback(config.ami.host) else None
        await self._apart("prompts", lambda: sounds.findings(config, folder, data))
        await self._apart("database", lambda: database.findings(config.storage))
        await self._apart("database.daemons", lambda: duplicate_daemon.findings(config))
        for webhook in config.webhooks:
            await self._apart(f"webhooks.{webhook.name}", partial(webhooks.findings, webhook))
        if not config.digest.missing:
            await self._apart("digest.mail", self._mail)

    async def _pbx(self, password: str) -> ManagerSnapshot | None:
        """Ask the PBX, judge what it says."""
        config, ami = self._config, self._config.ami
        session = ManagerSession(self._reactor, _ANSWER_SECONDS)
        client = session.client
        try:
            await connectProtocol(ami_endpoint(ami, self._reactor), client)
        except Exception as error:  # Twisted has no common base for them
            self._tell(manager.reaching(ami, str(error) or type(error).__name__, connected=False))
            return None
        try:
            try:
                await client.login(ami.username, password)
            except AmiRefused as error:
                self._all(manager.reached(ami, client.codec.banner or ""))
                self._tell(manager.refused(ami, str(error)))
                return None
            except AmiError as error:
                if client.codec.banner is None:
                    self._tell(manager.reaching(ami, str(error), connected=True))
                    return None
                raise
            self._all(manager.reached(ami, client.codec.banner or ""))
            seen = await look(session, ami.username)
            for judge in (manager.findings, events.findings, queues.findings, dialplan.findings):
                self._all(judge(config, seen))
            self._tell(await dialling(config, self._reactor, _ANSWER_SECONDS))
            if self._with_call:
                self._tell(await call(config, session, self._reactor, _ANSWER_SECONDS))
            return seen
        finally:
            client.close("all is asked")

    def _mail(self) -> Iterable[CheckResult]:
        from cc_bridge.doctor import mail  # noqa: PLC0415 - only who sends mails needs it

        return mail.findings(self._config.digest)

    def _all(self, findings: Iterable[CheckResult]) -> None:
        for finding in findings:
            self._tell(finding)

    async def _apart(self, name: str, work: Callable[[], Iterable[CheckResult]]) -> None:
        """Do what blocks in a thread."""
        done: Deferred[list[CheckResult]] = Deferred()

        def settle(result: object) -> None:
            if not done.called:
                done.callback(result)  # type: ignore[arg-type]  # a Failure makes it an errback

        def run() -> None:
            try:
                result: object = list(work())
            except Exception:
                result = Failure()
            self._reactor.callFromThread(settle, result)

        Thread(target=run, name=name, daemon=True).start()
        done.addTimeout(_SUBJECT_SECONDS, self._reactor)
        try:
            self._all(await done)
        except Exception as error:
            self._tell(_cut_off(name, error, _SUBJECT_SECONDS))


def _cut_off(name: str, error: Exception, seconds: float) -> CheckResult:
    late = isinstance(error, TooLate)
    why = f"no answer within {seconds:g} s" if late else f"{type(error).__name__}: {error}"
    return fail(name, why, "what it asks does not answer; see the lines above, then try again")
