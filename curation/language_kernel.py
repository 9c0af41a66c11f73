"""The compiled loop of language identification. Importing this module imports numba; import it inside functions."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def score_languages(  # type: ignore[no-untyped-def]
    first, last, data, offsets, moves, rows, features, table, priors, twins, best, probabilities
):
    """Write the most probable label of each row and its probability; arguments are those of a LanguageModel.

    The softmax of the log-posterior over the square root of the bytes; a feature counts by log(1 + its occurrences).
    """
    counts, met = np.zeros(len(table), np.int32), np.empty(len(table), np.int64)
    scores = np.empty(len(priors), np.float32)
    for row in range(first, last):
        n = _count_features(data, offsets[row], offsets[row + 1], moves, rows, features, counts, met)
        scores[:] = priors * np.float32(n > 0)
        for k in range(n):
            feature = met[k]
            weight, values = np.float32(math.log1p(counts[feature])), table[feature]
            for label in range(len(scores)):
                scores[label] += weight * values[label]
            counts[feature] = 0
        scores *= np.float32(1.0 / math.sqrt(max(offsets[row + 1] - offsets[row], 1)))
        scores[:] = np.exp(scores - scores.max())
        scores /= scores.sum()
        for k in range(len(twins)):
            scores[twins[k, 0]] += scores[twins[k, 1]]
            scores[twins[k, 1]] = 0
        best[row] = scores.argmax()
        probabilities[row] = scores[best[row]]


@njit(cache=True)
def _count_features(data, begin, end, moves, rows, features, counts, met):  # type: ignore[no-untyped-def]
    """Walk the automaton over a row's bytes: counts of features, and those met listed; returns how many."""
    state, n = np.int64(0), 0
    for i in range(begin, end):
        state = np.int64(moves[np.int64(rows[state]) * 256 + data[i]])
        feature = features[state]
        if feature >= 0:
            if counts[feature] == 0:
                met[n] = feature
                n += 1
            counts[feature] += 1
    return n
