"""Makes realistic rows with planted near-duplicates, near misses and templates, and says what is alike.

Words are drawn by rank (Zipf), in sentences, with stock phrases, and with a non-ASCII character in about a tenth of the
rows. A planted pair is a row and its edited copy; `measure_jaccard` is the definition, over Python sets.
"""

from dataclasses import dataclass

import numpy as np

_CONSONANTS, _VOWELS = list("bcdfghjklmnprstvwz"), ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_FOREIGN = ["café", "naïve", "it’s", "señor", "—", "smørrebrød", "“quoted”"]
_TEMPLATE = "Write a short and friendly letter to {} about the {} old {} that were seen near {} last {} please"
_VOCABULARY, _PHRASES = 30_000, 300


@dataclass(frozen=True)
class Planted:
    """Texts of all rows, and what was planted, by row number.

    pairs: near-duplicates meant to lie between .8 and 1 in word 5-grams. near_misses: .6 to .75. templated: rows that
    share a template but no more.
    """

    texts: list[str]
    pairs: list[tuple[int, int]]
    near_misses: list[tuple[int, int]]
    templated: list[int]


def plant_texts(n_rows: int, n_words: int = 134, seed: int = 1) -> Planted:
    """n_rows texts, most of about n_words words: a tenth copies, a twentieth near misses, a twentieth templated."""
    rng = np.random.default_rng(seed)
    words = _draw_vocabulary(rng)
    n_pairs, n_misses, n_templated = n_rows // 10, n_rows // 20, n_rows // 20
    drawn = _draw_texts(n_rows - n_pairs - n_misses - n_templated, n_words, words, rng)
    wanted = np.concatenate([rng.uniform(0.8, 1.0, n_pairs), rng.uniform(0.55, 0.72, n_misses)])
    copies = [_edit(text, similarity, words, rng) for text, similarity in zip(drawn, wanted, strict=False)]
    letters = [_TEMPLATE.format(*rng.choice(words[:_VOCABULARY], 5)) + f" {i}" for i in range(n_templated)]
    texts = drawn + copies + letters
    place = rng.permutation(n_rows).tolist()
    shuffled = [text for _, text in sorted(zip(place, texts, strict=True))]
    planted = [(place[i], place[len(drawn) + i]) for i in range(n_pairs + n_misses)]
    return Planted(shuffled, planted[:n_pairs], planted[n_pairs:], place[len(drawn) + len(copies) :])


def measure_jaccard(first: str, second: str, n_words: int) -> float:
    """Jaccard similarity of two texts' sets of lower-cased word n-grams."""

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.lower().split()
        return {tuple(words[i : i + n_words]) for i in range(max(1, len(words) - n_words + 1))}

    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b)


def _draw_vocabulary(rng: np.random.Generator) -> np.ndarray:
    """Pseudo-words of one to five syllables, short ones first, some foreign ones among them, and stock phrases last."""
    made: dict[str, None] = {}
    while len(made) < _VOCABULARY - len(_FOREIGN):
        n = 1 + min(4, len(made) * 5 // _VOCABULARY + int(rng.integers(0, 2)))
        made["".join(str(rng.choice(_CONSONANTS)) + str(rng.choice(_VOWELS)) for _ in range(n))] = None
    words = list(made)
    for foreign, rank in zip(_FOREIGN, rng.integers(400, 1_500, len(_FOREIGN)), strict=True):
        words.insert(int(rank), foreign)
    phrases = [" ".join(rng.choice(words[:2_000], int(n))) for n in rng.integers(4, 9, _PHRASES)]
    return np.array([*words, *phrases], dtype=object)


def _draw_texts(n_rows: int, n_words: int, words: np.ndarray, rng: np.random.Generator) -> list[str]:
    chances = 1.0 / (np.arange(_VOCABULARY) + 2.7)
    chances = np.concatenate([chances / chances.sum() * 0.99, np.full(_PHRASES, 0.01 / _PHRASES)])
    lengths = np.clip(rng.lognormal(np.log(n_words), 0.35, n_rows), n_words / 4, n_words * 4).astype(np.int64)
    cumulated, texts = np.cumsum(chances), []
    for start in range(0, n_rows, 10_000):
        part = lengths[start : start + 10_000]
        ranks = np.searchsorted(cumulated, rng.random(part.sum()) * cumulated[-1])
        chosen, ends = words[ranks], rng.random(len(ranks)) < 0.07
        chosen[ends] = chosen[ends] + "."
        begins = np.concatenate(([True], ends[:-1]))
        chosen[begins] = [word[:1].upper() + word[1:] for word in chosen[begins]]
        stops = np.cumsum(part)
        texts += [" ".join(chosen[stop - n : stop]) for stop, n in zip(stops, part, strict=True)]
    return texts


def _edit(text: str, similarity: float, words: np.ndarray, rng: np.random.Generator) -> str:
    """A copy of about that similarity in word 5-grams: words in a few places replaced, or the end cut or added to."""
    parts = text.split()
    n = max(1, len(parts) - 4)
    changed = round(n * (1 - similarity) / (1 + similarity))
    if changed < 5 or rng.random() < 0.3:
        extra = round(n * (1 - similarity) / similarity)
        if rng.random() < 0.5:
            return " ".join([*parts, *rng.choice(words[:_VOCABULARY], extra)])
        return " ".join(parts[: len(parts) - round(n * (1 - similarity))])
    while changed >= 5:
        run = int(min(changed, rng.integers(5, 12))) - 4
        at = int(rng.integers(4, max(5, len(parts) - run - 4)))
        parts[at : at + run] = rng.choice(words[:_VOCABULARY], run)
        changed -= run + 4
    return " ".join(parts)
