"""The creation of the call tracker from the configured queues, agents, dialplan contexts and direct calls."""

from cc_bridge.calls.agents import Agents
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config.settings import Config

__all__ = ["make_tracker"]


def make_tracker(config: Config) -> Tracker:
    """Return a call tracker for the configured PBX. The tracker has no open calls yet."""
    agents = Agents(
        config.pbx.name,
        lambda queue: config.queue(queue).wrap_up_seconds,
        config.agents.wrap_up_reasons,
        config.agents.max_wrap_up_seconds,
    )
    direct = config.direct_calls
    contexts = Contexts(
        tuple(direct.in_contexts), tuple(direct.out_contexts), tuple(direct.internal_contexts)
    )
    return Tracker(
        config.pbx.name,
        config.queues,
        agents,
        contexts,
        direct=direct.enabled,
        numbers=config.callers.number_storage == "plain",
        names=config.caller_names,
    )
