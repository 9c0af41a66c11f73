import random

import polars as pl
import pytest
from noise_faults import FRENCH, GERMAN, RUSSIAN

from curation.languages import identify_languages

TEXTS = [
    *GERMAN, *FRENCH, *RUSSIAN, "", " ", "12345 !?", "THIS IS SHOUTED AT YOU", "ÇA VA TRÈS BIEN", "今天天气很好。", "a",
    "e\u0301te\u0301 et hiver", "Kako si danas, moj prijatelju?", "The cat sat on the mat. " * 40,
]  # fmt: skip


def test_labels_and_probabilities_are_those_of_py3langid() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    rng = random.Random(1)
    texts = TEXTS + [" ".join(rng.sample(TEXTS, 3)) for _ in range(60)]
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    wanted = [identifier.classify(text) for text in texts]
    found = identify_languages(pl.Series(texts))
    assert found["language"].to_list() == [language for language, _ in wanted]
    assert found["probability"].to_list() == pytest.approx([probability for _, probability in wanted], abs=1e-4)


def test_a_text_is_judged_alone_whatever_stands_beside_it() -> None:
    alone = [identify_languages(pl.Series([text])).row(0) for text in TEXTS]
    assert identify_languages(pl.Series(TEXTS[::-1])).rows() == alone[::-1]
