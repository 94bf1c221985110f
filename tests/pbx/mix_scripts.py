"""Scripts of callers, agents and colleagues in the calls of the mix."""

from collections.abc import Callable

from pbx.mix import SLOW_SECONDS, MixCall, Phone, Script

__all__ = [
    "abandons",
    "agent_ends",
    "attended_by_code",
    "attended_by_second_line",
    "blind",
    "blind_to_queue",
    "blind_twice",
    "blonde_by_code",
    "blonde_by_code_to_queue",
    "blonde_by_second_line",
    "blonde_by_second_line_to_queue",
    "caller_ends",
    "caller_ends_in_consultation",
    "conference",
    "consults_and_returns",
    "consults_on_second_line",
    "is_parked",
    "is_picked_up",
    "is_refused",
]

Act = Callable[[MixCall, Phone], None]


def agent_ends(call: MixCall) -> Script:
    agent = yield from call.answered()
    yield from call.talks()
    call.ends(agent)


def caller_ends(call: MixCall) -> Script:
    yield from call.answered()
    yield from call.talks()
    call.hangs_up()


def abandons(call: MixCall) -> Script:
    yield lambda: call.first("AgentCalled", Uniqueid=call.uniqueid)
    yield from call.talks()
    call.hangs_up()


def is_refused(call: MixCall) -> Script:
    yield lambda: not call.hearing.is_living(call.uniqueid)


# Transfers


def blind(transfer: Callable[[MixCall, Phone, str], None]) -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        transfer(call, agent, f"6{call.outsider()[1:]}")
        outsider = yield from call.answered(agent)
        yield from call.talks()
        call.ends(outsider)

    return script


def blind_twice(call: MixCall) -> Script:
    """Let the agent transfer to a colleague, who transfers on."""
    agent = yield from call.answered()
    yield from call.talks()
    call.refers(agent, f"6{call.outsider()[1:]}")
    second = yield from call.answered(agent)
    yield from call.talks()
    call.refers(second, f"6{call.outsider()[1:]}")
    third = yield from call.answered(agent, second)
    yield from call.talks()
    call.ends(third)


def blind_to_queue(exten: str) -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        call.refers(agent, exten)
        second = yield from call.answered(agent)
        yield from call.talks()
        call.ends(second)

    return script


def attended_by_code(to: str = "") -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        call.presses(agent, f"*2{to or '6' + call.outsider()[1:]}")
        second = yield from call.meets(agent)
        yield from call.talks()
        call.ends(agent)
        yield call.hears(second)
        yield from call.talks()
        call.ends(second)

    return script


def attended_by_second_line(to: str = "") -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        line = yield from call.calls(agent.name, to or f"6{call.outsider()[1:]}")
        second = yield from call.meets(line)
        yield from call.talks()
        call.joins(agent, line)
        yield call.hears(second)
        yield from call.talks()
        call.ends(second)

    return script


def blonde_by_code(call: MixCall) -> Script:
    """Let the agent hang up while the colleague's phone rings."""
    agent = yield from call.answered()
    yield from call.talks()
    name = call.outsider()
    call.rings(name, SLOW_SECONDS)
    call.presses(agent, f"*26{name[1:]}")
    yield lambda: call.hearing.at(f"PJSIP/{name}")
    call.ends(agent)
    second = yield from call.answered(agent)
    yield from call.talks()
    call.ends(second)


def blonde_by_code_to_queue(call: MixCall) -> Script:
    """Let the agent hang up while an agent of the second queue is rung."""
    agent = yield from call.answered()
    yield from call.talks()
    call.presses(agent, "*2722")
    yield lambda: call.first("AgentCalled", Queue="helpslow", Linkedid=call.uniqueid)
    call.ends(agent)
    second = yield from call.answered(agent)
    yield from call.talks()
    call.ends(second)


def blonde_by_second_line(call: MixCall) -> Script:
    agent = yield from call.answered()
    yield from call.talks()
    name = call.outsider()
    call.rings(name, SLOW_SECONDS)
    line = yield from call.calls(agent.name, f"6{name[1:]}")
    yield lambda: call.hearing.at(f"PJSIP/{name}") and call.is_early(line)
    call.joins(agent, line)
    second = yield from call.answered(agent)
    yield from call.talks()
    call.ends(second)


def blonde_by_second_line_to_queue(call: MixCall) -> Script:
    agent = yield from call.answered()
    yield from call.talks()
    line = yield from call.calls(agent.name, "722")
    yield lambda: call.first("AgentCalled", Uniqueid=line.channel) and call.is_early(line)
    call.joins(agent, line)
    second = yield from call.answered(agent)
    yield from call.talks()
    call.ends(second)


# Consultations


def consults_and_returns(to: str = "", *, by_code: bool = False) -> Callable[[MixCall], Script]:
    """Let the agent come back to the caller, after the colleague has hung up or by code."""

    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        call.presses(agent, f"*2{to or '6' + call.outsider()[1:]}")
        second = yield from call.meets(agent)
        yield from call.talks()
        if by_code:
            call.presses(agent, "*1")
        else:
            call.ends(second)
        yield call.hears(agent)
        yield from call.talks()
        call.ends(agent)

    return script


def consults_on_second_line(to: str = "") -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        line = yield from call.calls(agent.name, to or f"6{call.outsider()[1:]}")
        second = yield from call.meets(line)
        yield from call.talks()
        call.ends(second)
        yield lambda: not call.hearing.phones_near(line.channel)
        yield from call.talks()
        if call.hearing.is_living(line.channel):
            call.ends(line)
        yield lambda: not call.hearing.is_living(line.channel)
        call.ends(agent)

    return script


def caller_ends_in_consultation(call: MixCall) -> Script:
    agent = yield from call.answered()
    yield from call.talks()
    call.presses(agent, f"*26{call.outsider()[1:]}")
    second = yield from call.meets(agent)
    yield from call.talks()
    call.hangs_up()
    yield lambda: not call.hearing.is_living(call.uniqueid)
    call.ends(second)


# Pickups


def is_picked_up(call: MixCall) -> Script:
    yield lambda: call.first("AgentCalled", Uniqueid=call.uniqueid)
    called = call.first("AgentCalled", Uniqueid=call.uniqueid)
    assert called is not None
    rung = called["MemberName"]
    yield lambda: call.hearing.at(f"PJSIP/{rung}")
    line = yield from call.calls(call.outsider(), f"**{rung}")
    yield call.hears(line)
    yield from call.talks()
    call.ends(line)


# Parking


def is_parked(how: Act, *, by_other: bool = True) -> Callable[[MixCall], Script]:
    def script(call: MixCall) -> Script:
        agent = yield from call.answered()
        yield from call.talks()
        seen = call.now()
        ours = {call.uniqueid, *call.carriers()}
        how(call, agent)

        def place() -> list[str]:
            return [
                event["ParkingSpace"]
                for event in call.events_since(seen, "ParkedCall")
                if event["ParkeeUniqueid"] in ours
            ]

        yield place
        yield call.is_alone
        yield from call.talks()
        if call.hearing.is_living(agent.channel):
            call.ends(agent)
            yield lambda: not call.hearing.is_living(agent.channel)
        line = yield from call.calls(call.outsider() if by_other else agent.name, place()[0])
        yield call.hears(line)
        yield from call.talks()
        call.ends(line)

    return script


# Conference


def conference(call: MixCall) -> Script:
    agent = yield from call.answered()
    yield from call.talks()
    name = call.outsider()
    room = f"8{name[1:]}"
    customer = call.hearing.channels[call.uniqueid]
    before = customer.bridge
    call.rig.driver.action(
        "Redirect",
        Channel=customer.name,
        Context="conference-customers",
        Exten=room,
        Priority="1",
        ExtraChannel=call.hearing.channels[agent.channel].name,
        ExtraContext="agents",
        ExtraExten=room,
        ExtraPriority="1",
    )
    yield lambda: customer.bridge != before and call.hears(agent)()
    line = yield from call.calls(name, room)
    yield call.hears(line)
    yield from call.talks()
    call.ends(agent)
    yield from call.talks()
    call.ends(line)
