"""The recordings of spoken comments at /comments/PBX/ATTEMPT/QUESTION, which the players of the pages load.

Each play is noted in the log, with the visitor and the queue, and without the caller's number.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.customers.recording_address import comment_url
from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.arguments import stored_name
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.visit import Answer, PageError, PageVisit, RedirectAnswer, SoundAnswer

__all__ = ["CommentsPage", "FindComment", "ReadSound"]

_log = Logger()

FindComment = Callable[[str, str, str], Deferred[StoredComment | None]]
"""A function that finds a spoken comment by PBX, survey attempt and question."""

ReadSound = Callable[[StoredComment], Deferred[bytes | None]]
"""A function that reads the file of a comment; None if it is not on this machine."""


class CommentsPage(PageResource):
    """The recordings below /comments.

    `template` returns the template of the addresses of recordings on another machine. If it is empty, they
    are files of this machine.
    """

    name = "comments"
    role = Role.LEAD
    longest_path = 3

    def __init__(
        self, host: PageHost, find: FindComment, read: ReadSound, template: Callable[[], str]
    ) -> None:
        super().__init__(host)
        self._find = find
        self._read = read
        self._template = template

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        return Deferred.fromCoroutine(self._sound(visit))

    async def _sound(self, visit: PageVisit) -> Answer:
        if len(visit.path) != self.longest_path:
            raise PageError(404, "there is no such comment")
        found = await self._find(*map(stored_name, visit.path))
        if found is None:
            raise PageError(404, "there is no such comment")
        visit.need(found.queue)
        if not found.recording:
            raise PageError(404, "this recording has been erased")
        _log.info(
            "spoken comment of the survey {attempt} in the queue {queue}: opened by {name} ({role})",
            attempt=found.attempt_id,
            queue=found.queue,
            name=visit.visitor.name or "the token",
            role=str(visit.visitor.role),
        )
        if elsewhere := comment_url(self._template(), found.pbx, found.recording):
            return RedirectAnswer(elsewhere)
        sound = await self._read(found)
        if sound is None:
            raise PageError(404, "this recording is not on this machine")
        return SoundAnswer(sound)
