"""Numbers that look random and are a pure function of a seed, the same on every machine and Python version."""

from hashlib import blake2b


def draw(seed: int, purpose: str, index: int) -> bytes:
    """64 bytes; different purposes and indexes are independent of each other."""
    return blake2b(f"{seed}/{purpose}/{index}".encode()).digest()


def fraction(seed: int, purpose: str, index: int) -> float:
    """A number in [0, 1)."""
    return int.from_bytes(draw(seed, purpose, index)[:6], "little") / 2**48
