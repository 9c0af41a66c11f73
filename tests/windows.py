"""Writes texts of numbered words, whose overlap one counts by hand."""


def window(start: int, n: int = 30) -> str:
    """n numbered words: n - 2 shingles of three; a window shifted by k shares all but k of them."""
    return " ".join(f"w{i}" for i in range(start, start + n))
