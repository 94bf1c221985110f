"""The made-up customers of the demo, some with Persian names. Pure.

The numbers are the callers' numbers of the recording and the ones after them, which no person has.
"""

import random
from dataclasses import dataclass

__all__ = ["Caller", "callers"]

_CALLERS = 2400
_RECORDED = 60  # the first numbers, which the recorded callers have
_NAMED = 0.6  # the share of the callers that the CRM knows

_GIVEN = (
    "Lena",
    "Omar",
    "Julia",
    "David",
    "Mina",
    "Peter",
    "Nora",
    "Samuel",
    "Elif",
    "Tomas",
    "Ava",
    "Jonas",
)
_FAMILY = ("Hoffmann", "Rossi", "Novak", "Silva", "Larsen", "Dubois", "Kaya", "Murphy", "Weber", "Haddad")
_GIVEN_FA = ("سارا", "رضا", "مریم", "علی", "نیلوفر", "حسین", "زهرا", "امیر", "لیلا", "مهدی", "نرگس", "کاوه")
_FAMILY_FA = ("احمدی", "رضایی", "کریمی", "موسوی", "حسینی", "نادری", "قاسمی", "شریفی", "رستمی", "یوسفی")


@dataclass(frozen=True, slots=True)
class Caller:
    """A made-up caller. Of an unknown caller, the id in the CRM (`customer`) and the name are empty."""

    number: str
    language: str
    customer: str = ""
    name: str = ""


def callers(chance: random.Random) -> list[Caller]:
    """Return all callers of the demo."""
    return [_caller(chance, number) for number in range(_CALLERS)]


def _caller(chance: random.Random, number: int) -> Caller:
    phone, persian = f"0935{number:07}", chance.random() < 0.55
    given, family = (_GIVEN_FA, _FAMILY_FA) if persian else (_GIVEN, _FAMILY)
    name = f"{chance.choice(given)} {chance.choice(family)}"
    language = "fa" if persian else "en"
    if number >= _RECORDED and chance.random() > _NAMED:
        return Caller(phone, language)
    return Caller(phone, language, f"C-{1000 + number}", name)
