"""Hostile inputs: recorded ones that are changed, cut, repeated, moved and mixed, or generated ones.

`chance` is a `random.Random`; the same seed gives the same inputs.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["corpus_of", "hostile_input", "mutated"]

_CORPUS = Path(__file__).parent / "corpus"

_LONGEST = 70_000  # bytes of an input: more than one read of the reactor


def corpus_of(name: str) -> list[bytes]:
    """Return the recorded inputs of a target."""
    return [file.read_bytes() for file in sorted((_CORPUS / name).iterdir())]


def hostile_input(target: Any, corpus: Sequence[bytes], chance: Random) -> bytes:
    """Return a recorded input with changes, or an input that the target generates."""
    if chance.random() < 0.5:
        return mutated(chance, corpus, target.tokens)
    generated: bytes = target.generated(chance)[:_LONGEST]
    return generated


def mutated(chance: Random, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """Return a recorded input with one to eight changes; `tokens` are texts with a meaning to the target."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.randint(1, 8)):
        _change(chance, data, corpus, tokens)
    return bytes(data[:_LONGEST])


def _change(chance: Random, data: bytearray, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 8, 64, 1000)))
    match chance.randrange(9):
        case 0:
            data[at:end] = bytes(each ^ (1 << chance.randrange(8)) for each in data[at:end])
        case 1:
            data[at:end] = chance.randbytes(end - at)
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end] * chance.choice((1, 2, 10, 100))
        case 4:
            data[at:at] = chance.choice(tokens)
        case 5:
            data[at:end] = chance.choice(tokens)
        case 6:
            other = chance.choice(corpus)
            data[at:] = other[chance.randint(0, len(other)) :]
        case 7:
            del data[at:]
        case _:
            lines = bytes(data).split(b"\n")
            chance.shuffle(lines)
            data[:] = b"\n".join(lines)
