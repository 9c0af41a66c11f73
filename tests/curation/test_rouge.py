import random

import polars as pl
import pytest

from curation.rouge import drop_similar

SENTENCE = "write a short story about the old man and his red boat in two or three lines for me"
WORDS = SENTENCE.split()


def measure(first: str, second: str) -> float:
    """ROUGE-L by the table of its definition."""
    a, b = first.split(), second.split()
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return 2 * table[-1][-1] / (len(a) + len(b)) if a and b else 0.0


def accept(texts: list[str], limit: float) -> list[tuple[str, str, float]]:
    """What self-instruct's loop drops: each text held against all that were accepted before."""
    accepted, dropped = [], []
    for i, text in enumerate(texts):
        scores = [(measure(text, texts[j]), -j) for j in accepted]
        best = max(scores, default=(0.0, 0))
        if best[0] > limit:
            dropped.append((f"{i:04}", f"{-best[1]:04}", pytest.approx(best[0])))
        else:
            accepted.append(i)
    return dropped


def frame(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"row_id": [f"{i:04}" for i in range(len(texts))], "text": texts}, schema_overrides={"text": pl.String}
    )


@pytest.mark.parametrize("limit", [0.0, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_rows_are_dropped_as_by_comparing_all_with_all(limit: float, seed: int) -> None:
    rng = random.Random(seed)
    # short ones, and ones of more than 64 and 128 words, with repeats
    lengths = [rng.choice([0, 1, 2, 5, 9, 14, 70, 140]) for _ in range(150)]
    texts = [" ".join(rng.choice(WORDS[: rng.choice([4, 12, 19])]) for _ in range(n)) for n in lengths]
    assert drop_similar(frame(texts), limit).rows() == accept(texts, limit)


def test_case_and_punctuation_do_not_count_and_the_limit_itself_is_allowed() -> None:
    # 7 of 10 words in order: F is .7
    asked = "one two three four five six seven eight nine ten"
    other = "One, two: three four five six seven -- x y z!"
    assert drop_similar(frame([asked, other]), 0.7).height == 0
    assert drop_similar(frame([asked, other]), 0.69).rows() == [("0001", "0000", pytest.approx(0.7))]


def test_a_row_is_dropped_for_an_accepted_row_only_and_keep_decides_who_is_first() -> None:
    # b is like a and like c, c is not like a: b goes, c stays
    a, b, c = "one two three four", "one two three five", "one two six five"
    rows = frame([a, b, c])
    assert drop_similar(rows, 0.7)["row_id"].to_list() == ["0001"]
    last_first = rows.with_columns(rank=pl.Series([3, 2, 1]))
    assert drop_similar(last_first, 0.7, keep=["-rank"]).select("row_id", "matched_id").rows() == [("0001", "0002")]
    assert drop_similar(rows[::-1], 0.7).equals(drop_similar(rows, 0.7))


def test_texts_without_words_and_no_rows() -> None:
    assert drop_similar(frame(["", "...", "", "...", "été", "ÉTÉ!"]), 0.7)["row_id"].to_list() == ["0005"]
    assert drop_similar(frame([]), 0.7).height == 0
