"""The kinds of calls of the mix, and how many of each there are."""

import random

from pbx import mix_scripts as does
from pbx.mix import Kind, MixCall, Phone

__all__ = ["ODD", "kinds"]

# Extensions that a caller dials: queues with agents at phones, behind Local/n and behind Local, and a phone
# without a queue; and the queue that the agent then consults.
WAYS = {
    "desk": ("odd-helpdesk", "721"),
    "local": ("odd-helplocal", "720"),
    "short": ("odd-helpshort", "721"),
    "phone": ("", "720"),
}


def by_key(call: MixCall, phone: Phone, exten: str) -> None:
    """Transfer blind by feature code."""
    call.presses(phone, f"#1{exten}")


PLAIN = [Kind(f"plain {way}", exten, does.agent_ends) for way, (exten, _) in WAYS.items()]
LOST = [  # no caller is surveyed
    *(
        Kind(f"caller ends {way}", exten, does.caller_ends, surveyed=False)
        for way, (exten, _) in WAYS.items()
    ),
    Kind("ends in consultation", "odd-helpdesk", does.caller_ends_in_consultation, surveyed=False),
    Kind("abandons", "odd-helpdesk", does.abandons, surveyed=False, agents_answer=False, lost="abandoned"),
    Kind("is refused", "closed", does.is_refused, surveyed=False, lost="join_empty"),
]
ODD = [
    kind
    for way, (exten, other) in WAYS.items()
    for kind in (
        Kind(f"blind refer {way}", exten, does.blind(MixCall.refers)),
        Kind(f"blind code {way}", exten, does.blind(by_key)),
        Kind(f"blind twice {way}", exten, does.blind_twice),
        Kind(f"blind queue {way}", exten, does.blind_to_queue(other)),
        Kind(f"attended code {way}", exten, does.attended_by_code()),
        Kind(f"attended code queue {way}", exten, does.attended_by_code(other)),
        Kind(f"attended line {way}", exten, does.attended_by_second_line()),
        Kind(f"attended line queue {way}", exten, does.attended_by_second_line(other)),
        Kind(f"blonde code {way}", exten, does.blonde_by_code),
        Kind(f"blonde line {way}", exten, does.blonde_by_second_line),
        Kind(f"blonde code queue {way}", exten, does.blonde_by_code_to_queue),
        Kind(f"blonde line queue {way}", exten, does.blonde_by_second_line_to_queue),
        Kind(f"consult {way}", exten, does.consults_and_returns()),
        Kind(f"consult code {way}", exten, does.consults_and_returns(by_code=True)),
        Kind(f"consult line {way}", exten, does.consults_on_second_line()),
        Kind(f"parked refer {way}", exten, does.is_parked(lambda call, phone: call.refers(phone, "750"))),
        Kind(f"parked code {way}", exten, does.is_parked(lambda call, phone: by_key(call, phone, "750"))),
        Kind(f"parked one touch {way}", exten, does.is_parked(lambda call, phone: call.presses(phone, "*7"))),
        Kind(
            f"parked same {way}",
            exten,
            does.is_parked(lambda call, phone: call.presses(phone, "*7"), by_other=False),
        ),
        Kind(f"conference {way}", exten, does.conference),
    )
] + [
    kind
    for way, (exten, other) in WAYS.items()
    if exten  # with an agent of a queue
    for kind in (
        Kind(f"picked up {way}", exten, does.is_picked_up, agents_answer=False),
        Kind(f"consult queue {way}", exten, does.consults_and_returns(other)),
        Kind(f"consult line queue {way}", exten, does.consults_on_second_line(other)),
    )
]


def kinds(surveyed: int, rng: random.Random, *, direct: bool) -> list[Kind]:
    """Return `surveyed` kinds of calls that end in a survey, a third of them odd, and some others besides.

    Without direct calls, a call that did not come to a queue at first is not observed; none of these is odd.
    """
    odd = [kind for kind in rng.sample(ODD, len(ODD)) if direct or kind.exten]
    mixed = [odd[n % len(odd)] for n in range(surveyed // 3)]
    mixed += [PLAIN[n % len(PLAIN)] for n in range(surveyed - len(mixed))]
    mixed += [LOST[n % len(LOST)] for n in range(surveyed // 10)]
    rng.shuffle(mixed)
    return mixed
