"""The run of all checks of `cc-bridge doctor`, one after the other, each with a time limit.

Blocking checks run in threads that Python does not wait for at its exit. A name server or database that does
not answer therefore delays neither the other checks nor the exit.
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
    agi_server,
    asterisk_files,
    config_and_secrets,
    daemon,
    data_files,
    database,
    dialplan,
    duplicate_daemon,
    events,
    manager,
    queues,
    sounds,
    survey_routing,
    webhooks,
)
from cc_bridge.doctor.check_result import CheckResult, fail
from cc_bridge.doctor.originate import check_privileges, place_test_call
from cc_bridge.doctor.session import ManagerSession, ManagerSnapshot, take_snapshot
from cc_bridge.errors import AmiError, AmiRefused, CcBridgeError
from cc_bridge.web.access.token_auth import is_loopback

__all__ = ["DoctorRun"]

_ANSWER_SECONDS = 5.0  # for one AMI action
_SUBJECT_SECONDS = 20.0  # for a subject, such as the database
_PBX_SECONDS = 60.0  # for all AMI actions: with hundreds of queues there are about a thousand


class DoctorRun:
    """One run of all checks; the function `add` receives each result as soon as it is known."""

    def __init__(
        self,
        config: Config,
        file: Path | None,
        reactor: Any,
        add: Callable[[CheckResult], None],
        *,
        with_call: bool = False,
        sounds_folder: Path | None = None,
    ) -> None:
        self._config = config
        self._file = file
        self._reactor = reactor
        self._add = add
        self._with_call = with_call
        self._sounds_folder = sounds_folder

    async def run(self) -> None:
        """Run all checks. A check that raises an error or exceeds its time limit gives a failed result."""
        config = self._config
        await self._in_thread("config", lambda: config_and_secrets.check(config, self._file))
        # Before the PBX: the test call needs a daemon.
        await self._in_thread("daemon", lambda: daemon.check(config))
        snapshot = None
        try:
            password = config.ami.password()
        except CcBridgeError:
            pass  # reported by the check of the secrets
        else:
            checks = Deferred.fromCoroutine(self._pbx(password))
            checks.addTimeout(_PBX_SECONDS, self._reactor)
            try:
                snapshot = await checks
            except Exception as error:
                self._add(_failure("ami.answers", error, _PBX_SECONDS))
        data = snapshot.data_folder if snapshot and is_loopback(config.ami.host) else None
        if snapshot is not None:
            etc = snapshot.etc_folder if data else None
            await self._in_thread("secrets.manager", lambda: asterisk_files.check(etc))
            address, secret = snapshot.agi_address, snapshot.agi_secret
            await self._in_thread("dialplan.CCB_AGI", lambda: agi_server.check(config, address))
            await self._in_thread("dialplan.CCB_AGI_SECRET", lambda: agi_server.check_secret(config, secret))
        folder = self._sounds_folder
        await self._in_thread("prompts", lambda: sounds.check(config, folder, data))
        await self._in_thread("database", lambda: database.check(config.storage))
        await self._in_thread("storage.files", lambda: data_files.check(config.storage))
        await self._in_thread("surveys.routing", lambda: survey_routing.check(config))
        await self._in_thread("database.daemons", lambda: duplicate_daemon.check(config))
        for webhook in config.webhooks:
            await self._in_thread(f"webhooks.{webhook.name}", partial(webhooks.check, webhook))
        if not config.digest.missing:
            await self._in_thread("digest.mail", self._mail)

    async def _pbx(self, password: str) -> ManagerSnapshot | None:
        """Log in to the PBX with `password`, run all checks of the PBX, and return the PBX's state.

        Return None if the connection or the login failed.
        """
        config, ami = self._config, self._config.ami
        session = ManagerSession(self._reactor, _ANSWER_SECONDS)
        client = session.client
        try:
            await connectProtocol(ami_endpoint(ami, self._reactor), client)
        except Exception as error:  # Twisted's errors have no common base class
            self._add(manager.connection_failed(ami, str(error) or type(error).__name__, connected=False))
            return None
        try:
            try:
                await client.login(ami.username, password)
            except AmiRefused as error:
                self._all(manager.connected_results(ami, client.codec.banner or ""))
                self._add(manager.login_refused(ami, str(error)))
                return None
            except AmiError as error:
                if client.codec.banner is None:
                    self._add(manager.connection_failed(ami, str(error), connected=True))
                    return None
                raise
            self._all(manager.connected_results(ami, client.codec.banner or ""))
            taken = await take_snapshot(session, ami.username)
            for judge in (manager.check, events.check, queues.check, dialplan.check):
                self._all(judge(config, taken))
            self._add(await check_privileges(config, self._reactor, _ANSWER_SECONDS))
            if self._with_call:
                self._add(await place_test_call(config, session, self._reactor, _ANSWER_SECONDS))
            return taken
        finally:
            client.close("the checks are done")

    def _mail(self) -> Iterable[CheckResult]:
        """Return the results for the mail server.

        The check is imported here, so that the mail packages are loaded only if digests are configured.
        """
        from cc_bridge.doctor import mail  # noqa: PLC0415

        return mail.check(self._config.digest)

    def _all(self, results: Iterable[CheckResult]) -> None:
        for result in results:
            self._add(result)

    async def _in_thread(self, name: str, work: Callable[[], Iterable[CheckResult]]) -> None:
        """Run the blocking check `work` in a thread, and add its results.

        If the check raises an error or exceeds its time limit, add a failure with the check's `name`.
        """
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
            self._add(_failure(name, error, _SUBJECT_SECONDS))


def _failure(name: str, error: Exception, seconds: float) -> CheckResult:
    """Return the result for a check that raised an error or exceeded its time limit of `seconds`."""
    late = isinstance(error, TooLate)
    why = f"no answer within {seconds:g} s" if late else f"{type(error).__name__}: {error}"
    return fail(name, why, "fix the problems in the lines above, then run doctor again")
