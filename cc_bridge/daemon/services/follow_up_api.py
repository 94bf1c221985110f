"""The data of the page /api/follow-ups: the list of follow-ups and the actions on them, in the database.

The database may be slow or unreachable. So the reads and actions run in a few threads that serve only this
page.
"""

from collections.abc import Callable, Collection

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, fail

from cc_bridge.config import Config
from cc_bridge.config.survey_files import survey_titles
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpState, apply_action
from cc_bridge.queue_names import QueueNames
from cc_bridge.reports.render.localization import Language
from cc_bridge.storage.queries.customers import names
from cc_bridge.storage.queries.follow_ups import listed, moved, one
from cc_bridge.storage.queries.spoken_comments import comments_of_calls
from cc_bridge.web.follow_up_api import ActionResult, FollowUpList, FollowUpsResource, Queues
from cc_bridge.web.resources import AccessCheck

__all__ = ["FollowUpApi"]

_READS = 2  # concurrent
_LIMIT = 200  # maximum number of follow-ups in a list


class FollowUpApi(DaemonService):
    """The service whose `resource` answers /api/follow-ups.

    `now` returns the PBX's clock in UTC seconds. `access` decides who may see and change follow-ups.
    """

    taken_over = ("general.time_zone", "queues.*.title", "recordings.comments_url")

    def __init__(self, context: Context, now: Callable[[], float], access: AccessCheck) -> None:
        super().__init__(context)
        self._now = now
        self._question_titles = survey_titles(context.config).questions
        self._reads = context.database.read_pool("follow-ups", _READS)
        self.resource = FollowUpsResource(
            access,
            self.list,
            self.apply,
            now,
            lambda: self.config.general.zone,
            context.reactor,
            self._titles,
            lambda question: self._question_titles.get(question, {}),
        )

    def _titles(self, queue: str) -> dict[Language, str]:
        """Return the title of a queue in each language, by the configuration in force."""
        return self.config.queue_titles(queue)

    def reconfigure(self, config: Config) -> None:
        self._question_titles = survey_titles(config).questions
        super().reconfigure(config)

    def start(self) -> None:
        self._reads.start()

    def stop(self) -> None:
        self._reads.stop()

    def list(
        self, owner: str, states: Collection[FollowUpState], queues: Queues = None
    ) -> Deferred[FollowUpList]:
        """Read up to 200 follow-ups in the given states, the earliest due time first.

        An empty `owner` means the follow-ups of all owners. `queues` limits the list to these queues.
        """

        def read(connection: Connection) -> FollowUpList:
            found = listed(connection, owner=owner, states=states, queues=queues, limit=_LIMIT + 1)
            return self._described(connection, found[:_LIMIT], more=len(found) > _LIMIT)

        return self._reads.read(read)

    def apply(
        self, follow_up_id: str, action: Action, by: str, text: str, queues: Queues = None
    ) -> Deferred[ActionResult]:
        """Apply an action of the person `by` to a follow-up; `text` is the outcome or the reason.

        If `queues` is given, a follow-up of another queue is not changed, and the result is `foreign`.

        The Deferred fires with the changed follow-up. If the action is not permitted in the follow-up's
        present state, it fires with an error text and the unchanged follow-up. If the follow-up does not
        exist, it fires with an error text only. It fails with FollowUpError for an action that is invalid in
        every state.
        """
        now = self._now()
        try:
            apply_action(action, by, text, now)  # rejects an invalid action without a database query
        except FollowUpError as error:
            return fail(error)

        def write(connection: Connection) -> ActionResult:
            try:
                found = moved(connection, follow_up_id, action, by, text, now)
                if queues is not None and found.queue not in QueueNames(queues):
                    connection.rollback()
                    return ActionResult("", None, foreign=True)
            except FollowUpError as error:
                current = one(connection, follow_up_id)
                is_there = current is not None and current.follow_up_id == follow_up_id
                if current and is_there and queues is not None and current.queue not in QueueNames(queues):
                    return ActionResult("", None, foreign=True)
                return ActionResult(
                    str(error), self._described(connection, [current]) if current and is_there else None
                )
            connection.commit()
            return ActionResult("", self._described(connection, [found]))

        return self._reads.read(write)

    def _described(
        self, connection: Connection, follow_ups: Collection[FollowUp], *, more: bool = False
    ) -> FollowUpList:
        """Return the follow-ups with their customers' names and the spoken comments of their calls.

        `more` is True if further follow-ups exist.
        """
        known = names(connection, {each.caller_key for each in follow_ups})
        said = comments_of_calls(connection, {(each.pbx, each.call_id) for each in follow_ups})
        plays = not self.config.recordings.comments_url
        return FollowUpList(tuple(follow_ups), known, more, said, plays)
