CREATE INDEX ix_queue_visits_hour ON queue_visits ((date_trunc('hour', entered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0'));

CREATE INDEX ix_talks_hour ON talks ((date_trunc('hour', answered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0'));

CREATE INDEX ix_talks_day ON talks ((CAST(answered_at AT TIME ZONE INTERVAL '0' AS DATE)));

CREATE INDEX ix_rings_day ON rings ((CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE)));

CREATE INDEX ix_agent_intervals_day ON agent_intervals ((CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE)));

CREATE INDEX ix_agent_intervals_over_midnight ON agent_intervals ((CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE))) WHERE CASE WHEN CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) <> CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1;

CREATE INDEX ix_agent_intervals_over_a_day ON agent_intervals ((CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE))) WHERE CASE WHEN CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) <> CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1 AND CASE WHEN (CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) + 1) < CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1;

CREATE INDEX ix_answers_day ON answers ((CAST(answered_at AT TIME ZONE INTERVAL '0' AS DATE)));
