"""Measures how much two texts of the sandbox world have in common, by word 3-grams."""

import re


def list_shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of three lower-cased words; the whole text where it is shorter."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def measure_overlap(first: str, second: str) -> float:
    """Jaccard similarity of the word 3-grams of two texts."""
    a, b = list_shingles(first), list_shingles(second)
    return len(a & b) / len(a | b)
