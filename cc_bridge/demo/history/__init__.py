"""A made-up month of the demo's contact centre: records that are simulated from a fixed seed.

The queues, agents and callers are those of the recording that the demo plays. `centre.py` has their
properties and `callers.py` the customers. `simulation.py` lets calls arrive, wait and be answered; each agent
has one state at a time (`agents.py`). `opinions.py` makes the surveys of served callers, and `follow_ups.py`
the follow-ups. The same seed makes the same records. `database.py` stores them.

Planted effects: ratings fall with the wait. The agent `centre.RUDE` gets low ratings whatever the wait, and
the callers of `centre.LINGERING` often hang up first. The queue tech has too few agents at its peaks. The
queue vip claims to be open all day, but no agent is there in the small hours.
"""
