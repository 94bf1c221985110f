"""The view v_ratings: one answer of a caller, with the talk that it rates and the wait before this talk.

PostgreSQL should find the talk and the wait by the index of the call, because a call has few talks. The
indexes of PBX, queue, agent and time would find too many rows. So these columns are in a COALESCE or a CASE,
which hides their indexes from the planner.
"""

from sqlalchemy import MetaData, Table

from cc_bridge.storage.views.view import View, instant, integer, pbx, seconds, text

__all__ = ["RATINGS"]

RATINGS = View(
    Table(
        "v_ratings",
        MetaData(),
        pbx("rated.pbx"),
        text("attempt_id", 150, "Attempt, unique on its PBX"),
        text("question", 64, "Question in the survey definition"),
        text("call_id", 150, "Linkedid of the call; null when the attempt is not stored"),
        instant("rated_at", "Time of the answer"),
        text("survey", 64, "Survey definition; null when the attempt is not stored"),
        integer("version", "Version of that definition; null when the attempt is not stored", "version"),
        text(
            "kind",
            64,
            "Kind of the question, such as csat; config/docs/schema.md lists them with their values",
        ),
        integer(
            "value",
            "Score; yes_no: 1 (yes) or 0 (no); choice: the key; comment: seconds of the recording",
            "value",
        ),
        text("label", 128, "Meaning of value in words: yes or no, or the label of a choice; else empty"),
        integer("tries", "Number of attempts until the input was valid; 1: the first was valid", "tries"),
        text("language", 40, "Language of the prompts; null when the attempt is not stored"),
        text("queue", 128, "Rated queue; empty if the answer rates the company as a whole", "rated.queue"),
        text("agent", 128, "Rated agent; empty if the answer rates the company as a whole", "rated.agent"),
        text("interface", 128, "Interface of the rated agent", "rated.interface"),
        instant(
            "talked_at",
            "Start of the rated talk: the agent's last one in that call and queue; for an answer about the "
            "company, the last talk before the survey; null if no talk was seen",
        ),
        seconds(
            "talk_seconds",
            "Duration of the rated talk; null if it was not seen from start to end",
            """(
        SELECT CASE WHEN talks.partial THEN NULL ELSE talks.talk_seconds END FROM talks
        WHERE COALESCE(talks.pbx, '') = rated.pbx AND talks.call_id = rated.call_id
            AND COALESCE(talks.queue, '') = rated.talk_queue AND COALESCE(talks.agent, '') = rated.talk_agent
            AND talks.answered_at = rated.talked_at
        ORDER BY talks.agent_uniqueid, talks.uniqueid LIMIT 1
    )""",
        ),
        seconds(
            "wait_seconds",
            "Wait time in the queue before the rated talk; null without a queue, or if no answered visit was "
            "seen, or if that visit is partial",
            """(
        SELECT CASE WHEN queue_visits.partial THEN NULL ELSE queue_visits.wait_seconds END FROM queue_visits
        WHERE COALESCE(queue_visits.pbx, '') = rated.pbx AND queue_visits.call_id = rated.call_id
            AND COALESCE(queue_visits.queue, '') = rated.talk_queue AND queue_visits.outcome = 'answered'
            AND COALESCE(queue_visits.entered_at, queue_visits.left_at)
                <= COALESCE(rated.talked_at, rated.rated_at)
        ORDER BY COALESCE(queue_visits.entered_at, queue_visits.left_at) DESC, queue_visits.uniqueid LIMIT 1
    )""",
        ),
        comment="One answer of a caller, with the wait and the talk that it rates",
    ),
    key=("pbx", "attempt_id", "question"),
    rows="""\
FROM (
    SELECT given.*, (
        SELECT MAX(CASE WHEN talks.answered_at <= given.rated_at THEN talks.answered_at END) FROM talks
        WHERE COALESCE(talks.pbx, '') = given.pbx AND talks.call_id = given.call_id
            AND COALESCE(talks.queue, '') = given.talk_queue AND COALESCE(talks.agent, '') = given.talk_agent
    ) AS talked_at
    FROM (
        SELECT answers.pbx, answers.attempt_id, answers.question, answers.kind, answers.value, answers.label,
            answers.tries, answers.answered_at AS rated_at, answers.queue, answers.agent, answers.interface,
            attempts.call_id, attempts.survey, attempts.version, attempts.language,
            CASE WHEN answers.agent = '' THEN attempts.queue ELSE answers.queue END AS talk_queue,
            CASE WHEN answers.agent = '' THEN attempts.agent ELSE answers.agent END AS talk_agent
        FROM answers LEFT JOIN survey_attempts AS attempts
            ON attempts.pbx = answers.pbx AND attempts.attempt_id = answers.attempt_id
    ) AS given
) AS rated""",
)
