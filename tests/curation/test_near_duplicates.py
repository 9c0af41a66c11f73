import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import window

from curation.near_duplicates import (
    cluster_near_duplicates,
    drop_exact_duplicates,
    drop_near_duplicates,
    list_pairs,
    match_references,
)
from schemas.curation_params import NearDuplicates

NEAR = NearDuplicates(
    threshold=0.8, column_threshold=0.5, shingle_words=3, shingle_characters=5, bands=25, rows_per_band=5, seed=1
)


def frame(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"row_id": [f"r{i}" for i in range(len(texts))], "text": list(texts)})


def jaccard(first: str, second: str) -> float:
    """The definition, slowly."""

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.lower().split()
        return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}

    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b)


def at(threshold: float) -> NearDuplicates:
    """Another threshold, and bands that miss no pair of .3 once in 10^9."""
    return NEAR.model_copy(update={"threshold": threshold, "bands": 64, "rows_per_band": 1})


def test_similarity_is_the_jaccard_index_of_word_3_grams() -> None:
    # {abc, bcd, cde} and {abc, bcd, cdf}: 2 of 4
    rows = frame("a b c d e", "a b c d f")
    assert list_pairs(rows, at(0.5)).rows() == [("r0", "r1", 0.5)]
    assert list_pairs(rows, at(0.51)).height == 0


def test_one_column_has_one_threshold() -> None:
    # 12 of 44 shingles: below the threshold that each of several columns has to reach
    assert drop_near_duplicates(frame(window(0), window(16)), at(0.2)).rows() == [("r1", "r0", 12 / 44)]


def test_repeated_shingles_count_once() -> None:
    # {aba, bab} both, whatever the length
    assert list_pairs(frame("a b a b a b", "a b a b"), at(1.0))["similarity"].to_list() == [1.0]


def test_text_shorter_than_a_shingle_is_compared_whole() -> None:
    pairs = list_pairs(frame("It is", "it  IS", "is it", "it is so", "it"), NEAR)
    assert pairs.rows() == [("r0", "r1", 1.0)]


def test_case_blanks_and_unicode_form_make_no_difference() -> None:
    rows = frame("Caf\u00e9 au\u00a0lait is good", "CAFE\u0301 au lait\n is\u3000GOOD")
    assert list_pairs(rows, NEAR)["similarity"].to_list() == [1.0]


def test_punctuation_makes_a_difference() -> None:
    assert list_pairs(frame("what is 3 + 4 now", "what is 3 - 4 now"), NEAR).height == 0


def test_scripts_without_spaces_use_characters() -> None:
    # 12 characters are 8 5-grams; another last character leaves 7 of 9
    rows = frame("今天天气很好我们去公园吧", "今天天气很好我们去公园呢")
    assert list_pairs(rows, at(0.7))["similarity"].to_list() == [pytest.approx(7 / 9)]


def test_texts_without_words_match_nothing() -> None:
    rows = frame("", "  \n", "")
    assert list_pairs(rows, NEAR).height == 0
    assert drop_exact_duplicates(rows).height == 0
    assert cluster_near_duplicates(rows, NEAR)["cluster_id"].n_unique() == 3


def test_no_rows() -> None:
    rows = frame()
    assert list_pairs(rows, NEAR).height == drop_near_duplicates(rows, NEAR).height == 0
    assert cluster_near_duplicates(rows, NEAR).height == drop_exact_duplicates(rows).height == 0
    assert match_references(rows, frame("a b c"), NEAR).height == 0


def test_a_chain_loses_only_rows_that_are_like_a_survivor() -> None:
    # shifted by 2: 26 of 30 shingles in common, .87; by 4: 24 of 32, .75
    rows = frame(window(0), window(2), window(4))
    assert drop_near_duplicates(rows, NEAR).rows() == [("r1", "r0", 26 / 30)]
    assert cluster_near_duplicates(rows, NEAR)["cluster_id"].to_list() == ["r0"] * 3
    # equal rows are met once; the fourth is like the third alone, 25 of 31
    steps = frame(window(0), window(0), window(1), window(4))
    assert set(cluster_near_duplicates(steps, NEAR)["cluster_id"]) == {"r0"}


def test_the_keep_policy_decides_who_survives() -> None:
    rows = frame(window(0), window(2), window(4)).with_columns(turn=pl.Series([2, 1, 2]))
    assert drop_near_duplicates(rows, NEAR, keep=["-turn"]).select("row_id", "matched_id").rows() == [
        ("r0", "r1"),
        ("r2", "r1"),
    ]


def test_the_most_similar_survivor_is_named() -> None:
    # r0 and r1 share 8 of 48; r2 shares 21 of 35 with r0 and 15 of 41 with r1
    rows = frame(window(0), window(20), window(7))
    assert drop_near_duplicates(rows, at(0.3)).rows() == [("r2", "r0", 21 / 35)]
    assert drop_near_duplicates(frame(window(20), window(0), window(7)), at(0.3)).rows() == [("r2", "r1", 21 / 35)]


def test_exact_duplicates_name_the_first() -> None:
    rows = frame("One  two", "one TWO", "one two.", "ONE\ttwo")
    assert drop_exact_duplicates(rows).rows() == [("r1", "r0", 1.0), ("r3", "r0", 1.0)]


def test_a_long_prompt_does_not_make_short_answers_alike() -> None:
    rows = pl.DataFrame({"row_id": ["a", "b", "c"], "prompt": [window(0)] * 3, "text": ["yes", "no", "Yes"]})
    assert drop_near_duplicates(rows, NEAR, columns=("prompt", "text")).rows() == [("c", "a", 1.0)]


def test_columns_are_one_set_that_remembers_the_column() -> None:
    # prompts: 28 shingles in common; answers of 8 words, the last changed: 5 of 7. Together 33 of 35
    answer = "a b c d e f g"
    rows = pl.DataFrame({"row_id": ["a", "b"], "prompt": [window(0)] * 2, "text": [f"{answer} h", f"{answer} i"]})
    assert drop_near_duplicates(rows, NEAR, columns=("prompt", "text")).rows() == [("b", "a", 33 / 35)]
    swapped = pl.DataFrame({"row_id": ["a", "b"], "prompt": ["x y z", "u v w"], "text": ["u v w", "x y z"]})
    assert drop_near_duplicates(swapped, at(0.1), columns=("prompt", "text")).height == 0


def test_rows_of_different_groups_are_never_alike() -> None:
    rows = frame("a b c", "a b c", "a b c").with_columns(setting=pl.Series(["x", "y", "x"]))
    assert drop_near_duplicates(rows, NEAR, within="setting").rows() == [("r2", "r0", 1.0)]
    assert drop_exact_duplicates(rows, within="setting").rows() == [("r2", "r0", 1.0)]


def test_references_are_matched_by_the_most_similar() -> None:
    references = pl.DataFrame({"row_id": ["b0", "b1"], "text": [window(4), window(1)]})
    rows = frame(window(0), window(50))
    assert match_references(rows, references, at(0.7)).rows() == [("r0", "b1", 27 / 29)]


WORDS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=25), st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.8]))
def test_dropped_rows_have_a_direct_survivor_whatever_the_order(texts: list[str], seed: int, threshold: float) -> None:
    rows = frame(*texts)
    near = at(threshold)
    dropped = drop_near_duplicates(rows, near)
    gone, text = set(dropped["row_id"]), dict(rows.iter_rows())
    for row, matched, similarity in dropped.iter_rows():
        assert matched not in gone
        assert similarity == pytest.approx(jaccard(text[row], text[matched])) and similarity >= threshold
    shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
    assert drop_near_duplicates(shuffled, near).equals(dropped)
    assert cluster_near_duplicates(shuffled, near).equals(cluster_near_duplicates(rows, near))
    # what is left has no near-duplicates left
    assert drop_near_duplicates(rows.filter(~pl.col("row_id").is_in(gone)), near).height == 0


def perturb(words: list[str], n: int, rng: random.Random) -> list[str]:
    """The words with a run of n replaced: n + 2 of the shingles change."""
    start = rng.randrange(len(words) - n)
    return words[:start] + [f"x{rng.random()}" for _ in range(n)] + words[start + n :]


def test_planted_pairs_of_every_similarity_are_found() -> None:
    rng = random.Random(1)
    texts, planted = [], []
    for pair in range(2_000):
        words = [f"v{rng.randrange(20_000)}" for _ in range(100)]
        other = perturb(words, rng.randrange(0, 14), rng)
        texts += [" ".join(words), " ".join(other)]
        planted.append((f"{2 * pair:05d}", f"{2 * pair + 1:05d}", jaccard(texts[-2], texts[-1])))
    rows = pl.DataFrame({"row_id": [f"{i:05d}" for i in range(len(texts))], "text": texts})
    found = {(a, b): s for a, b, s in list_pairs(rows, NEAR).iter_rows()}
    true = {(a, b): s for a, b, s in planted if s >= 0.8}
    assert set(found) <= set(true)
    assert all(found[pair] == pytest.approx(true[pair]) for pair in found)
    for low in (0.8, 0.84, 0.88, 0.92, 0.96):
        band = [pair for pair, s in true.items() if low <= s < low + 0.04 + (low == 0.96)]
        assert len(band) > 50
        assert sum(pair in found for pair in band) >= 0.97 * len(band)


def test_templates_are_not_near_duplicates() -> None:
    rows = frame(
        *(f"Write a short letter to {n} about the {n * 7} and {n % 13} old friends today" for n in range(10_000))
    )
    assert drop_near_duplicates(rows, NEAR).height == 0
    assert cluster_near_duplicates(rows, NEAR)["cluster_id"].n_unique() == 10_000


@pytest.mark.parametrize("size", [100, 1000])
def test_minhash_articles_every_pair_and_no_other(public_file, size: int) -> None:  # type: ignore[no-untyped-def]
    lines = public_file(f"minhash-articles/data/articles_{size}.train").read_text(encoding="utf-8").splitlines()
    truth = public_file(f"minhash-articles/data/articles_{size}.truth").read_text(encoding="utf-8").splitlines()
    rows = pl.DataFrame([line.split(" ", 1) for line in lines], schema=["row_id", "text"], orient="row")
    found = {frozenset(pair) for pair in list_pairs(rows, NEAR).select("row_id", "matched_id").iter_rows()}
    assert found == {frozenset(line.split()) for line in truth}


def test_a_set_cleaned_of_near_duplicates_by_others_has_few_left(public_file) -> None:  # type: ignore[no-untyped-def]
    """AlpacaDataCleaned thinned its tool-use set by another measure of similarity, at .8."""
    shares = []
    for name in ("dedupe-only", "similarity-0.8"):
        rows = json.loads(public_file(f"toolformer/toolformer-{name}-dataset.json").read_text(encoding="utf-8"))
        texts = ["\n".join(row.values()) for row in rows]
        numbered = pl.DataFrame({"row_id": [f"{n:05}" for n in range(len(texts))], "text": texts})
        shares.append(drop_near_duplicates(numbered, NEAR).height / len(texts))
    assert shares[0] > 0.07 and shares[1] < 0.01
