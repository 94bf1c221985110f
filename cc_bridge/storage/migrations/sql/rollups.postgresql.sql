CREATE TABLE agent_facts (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	agent VARCHAR(128) NOT NULL,
	fact VARCHAR(64) NOT NULL,
	word VARCHAR(64) NOT NULL,
	n BIGINT NOT NULL,
	amount DOUBLE PRECISION NOT NULL,
	hold_seconds DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (day, pbx, agent, fact, word)
);

COMMENT ON TABLE agent_facts IS 'What agents did, for v_agent_day and reports';

COMMENT ON COLUMN agent_facts.day IS 'Day, from midnight to midnight UTC, that is settled';

COMMENT ON COLUMN agent_facts.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN agent_facts.agent IS 'Name of the agent';

COMMENT ON COLUMN agent_facts.fact IS 'talk, partial (a talk seen in part), ring, state';

COMMENT ON COLUMN agent_facts.word IS 'Of talks direct or queue, of rings the outcome, of states the state';

COMMENT ON COLUMN agent_facts.n IS 'How many; 0 of states';

COMMENT ON COLUMN agent_facts.amount IS 'Sum of the talks or the state, seconds';

COMMENT ON COLUMN agent_facts.hold_seconds IS 'Sum of the holds, seconds';

CREATE TABLE agent_presence (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	quarter INTEGER NOT NULL,
	seconds DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (day, pbx, quarter)
);

COMMENT ON TABLE agent_presence IS 'When agents were there, for reports';

COMMENT ON COLUMN agent_presence.day IS 'Day, from midnight to midnight UTC, that is settled';

COMMENT ON COLUMN agent_presence.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN agent_presence.quarter IS 'Quarter of an hour of the day, from 0';

COMMENT ON COLUMN agent_presence.seconds IS 'Sum of what all agents were there, seconds';

CREATE TABLE queue_talks (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	queue VARCHAR(128) NOT NULL,
	partial BOOLEAN NOT NULL,
	n BIGINT NOT NULL,
	talk_seconds DOUBLE PRECISION NOT NULL,
	hold_seconds DOUBLE PRECISION NOT NULL,
	squares DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (day, pbx, queue, partial)
);

COMMENT ON TABLE queue_talks IS 'Talks of queues, for reports';

COMMENT ON COLUMN queue_talks.day IS 'Day, from midnight to midnight UTC, that is settled';

COMMENT ON COLUMN queue_talks.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN queue_talks.queue IS 'Queue';

COMMENT ON COLUMN queue_talks.partial IS 'True of talks that were seen in part';

COMMENT ON COLUMN queue_talks.n IS 'How many';

COMMENT ON COLUMN queue_talks.talk_seconds IS 'Sum of the talks, hold included, seconds';

COMMENT ON COLUMN queue_talks.hold_seconds IS 'Sum of the holds, seconds';

COMMENT ON COLUMN queue_talks.squares IS 'Sum of the squares of talk_seconds';

CREATE TABLE rated_calls (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	wait_seconds INTEGER NOT NULL,
	talks INTEGER NOT NULL,
	value INTEGER NOT NULL,
	n BIGINT NOT NULL,
	PRIMARY KEY (day, pbx, wait_seconds, talks, value)
);

COMMENT ON TABLE rated_calls IS 'What callers who rated had gone through, for reports';

COMMENT ON COLUMN rated_calls.day IS 'Day, from midnight to midnight UTC, that is settled';

COMMENT ON COLUMN rated_calls.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN rated_calls.wait_seconds IS 'Wait of the call, rounded up, seconds';

COMMENT ON COLUMN rated_calls.talks IS 'Talks of the call; 3 are as many or more';

COMMENT ON COLUMN rated_calls.value IS 'Score from 1 to 5';

COMMENT ON COLUMN rated_calls.n IS 'How many answers; those whose call is not stored are in none';

CREATE TABLE settled (
	until DATE NOT NULL,
	PRIMARY KEY (until)
);

COMMENT ON TABLE settled IS 'One row: days before it are counted in the other tables, which may also have later ones';

COMMENT ON COLUMN settled.until IS 'The first day that is not settled';

INSERT INTO settled VALUES ('1970-01-01');
