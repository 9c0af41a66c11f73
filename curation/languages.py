"""Turns texts into their most probable language: py3langid's model in a compiled loop."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from curation.words import Array, string_buffers


@dataclass(frozen=True)
class LanguageModel:
    """py3langid's automaton over bytes and its naive Bayes table.

    moves: next state by row of the state and byte. rows: the row of each state. features: the feature that a state
    counts, -1 for none. table: log-probability by feature and label. priors: by label. labels: language codes, some
    twice. twins: pairs of labels (first, second) of one language.
    """

    moves: Array
    rows: Array
    features: Array
    table: Array
    priors: Array
    labels: list[str]
    twins: Array


@cache
def load_model() -> LanguageModel:
    """Read the model of the installed py3langid: a second, and 130 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    labels = list(model.nb_classes)
    twins = [(labels.index(label), at) for at, label in enumerate(labels) if labels.index(label) < at]
    return LanguageModel(
        # a copy of numpy's own lies in huge pages, and is walked a third faster
        moves=np.array(model.tk_nextmove, np.uint32),
        rows=np.asarray(model.tk_row, np.uint32),
        features=np.asarray(model.tk_output, np.int32),
        table=np.asarray(model.nb_ptc, np.float32),
        priors=np.asarray(model.nb_pc, np.float32),
        labels=labels,
        twins=np.array(twins, np.int64).reshape(-1, 2),
    )


def identify_languages(texts: pl.Series) -> pl.DataFrame:
    """language and probability of each text, as py3langid's classify with norm_probs says."""
    from curation import language_kernel
    from curation.kernels import run_rows

    model = load_model()
    frame = texts.alias("text").to_frame()
    shouted = pl.col("text").str.contains(r"\p{Lu}") & ~pl.col("text").str.contains(r"[\p{Ll}\p{Lt}]")
    text = pl.when(shouted).then(pl.col("text").str.to_lowercase()).otherwise("text").str.normalize("NFC")
    best, probabilities = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.float32)
    run_rows(
        language_kernel.score_languages, len(texts), *string_buffers(frame.select(text).to_series()), model.moves,
        model.rows, model.features, model.table, model.priors, model.twins, best, probabilities,
    )  # fmt: skip
    labels = pl.Series(model.labels, dtype=pl.String)
    return pl.DataFrame({"language": labels.gather(best), "probability": probabilities.astype(np.float64)})
