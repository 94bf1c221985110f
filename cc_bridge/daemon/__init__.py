"""The daemon: the only package where calls, surveys, storage, metrics, mails and pages know of each other.

`main.py` is the process, `bridge.py` the wiring of one PBX in it, `parts.py` makes of the configuration what
is wired. What happens on the PBX comes by `daemon/services/ami_listener.py`, callers by
`daemon/services/agi_scripts.py`; `daemon/services/survey_invitations.py` and
`daemon/services/callback_dialer.py` decide who is asked. Every record goes through
`daemon/services/record_pipeline.py`, where `daemon/services/record_dispatcher.py` counts it.

The other modules do one thing each beside the calls, at its own time, so that no call waits for a database:
`daemon/jobs/survey_history.py`, `daemon/jobs/today_backfill.py`, `daemon/jobs/follow_ups.py`,
`daemon/jobs/rollups.py` and `daemon/jobs/retention.py` on their own, `daemon/services/customer_lookup.py`,
`daemon/services/people_api.py` and `daemon/services/wallboard.py` for those who look,
`daemon/services/webhook_publisher.py` for other programs.
"""
