"""What agreement_peers.py and agreement_speed.py run in the peers' environment: their values, or their speed.

python benchmarks/crowd_peers.py values INPUTS.json OUT.json
python benchmarks/crowd_peers.py alpha|dawid_skene|both VOTES.parquet OUT.json
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ENOUGH = 100_000  # steps: each peer stops by its own tolerance


def measure_values(given: dict[str, Any]) -> dict[str, Any]:
    """Every peer's answer to each question: {question: {peer: number or list of numbers}}."""
    found: dict[str, Any] = {}
    for level in ("nominal", "ordinal", "interval"):
        found[f"alpha, {level}"] = alpha_values(given["ratings"], level)
    found["Cohen's kappa"] = {"scikit-learn": cohen_kappa(given["ratings"])}
    found["Fleiss' kappa"] = {"statsmodels": fleiss_kappa(given["counts"])}
    found["Kendall's tau-b"] = {"scipy": kendall_tau(given["places"])}
    wins, ties = (np.array(given[name], dtype=float) for name in ("wins", "ties"))
    found["Bradley-Terry"] = bradley_terry(wins)
    found["Davidson by Newman"] = {"evalica": newman(wins, ties)}
    found["Plackett-Luce"] = plackett_luce(given["rankings"], len(wins))
    found["Dawid-Skene, two coins"] = {"crowd-kit": dawid_skene(given["positions"], two_coins=True)}
    found["Dawid-Skene, one coin"] = {"crowd-kit": dawid_skene(given["sides"], two_coins=False)}
    return found


def alpha_values(ratings: list[list[float | None]], level: str) -> dict[str, float]:
    """Krippendorff's alpha of a matrix of labelers by items."""
    import evalica
    import krippendorff
    from crowdkit.metrics.data import alpha_krippendorff

    matrix = np.array([[np.nan if value is None else value for value in row] for row in ratings])
    found = {
        "krippendorff": krippendorff.alpha(reliability_data=matrix, level_of_measurement=level),
        "evalica": evalica.alpha(pd.DataFrame(matrix), distance=level).alpha,
    }
    if level == "nominal":
        rows = [
            (str(i), f"l{j}", value)
            for j, row in enumerate(ratings)
            for i, value in enumerate(row)
            if value is not None
        ]
        # nltk, which computes it, wants two votes an item
        frame = pd.DataFrame(rows, columns=["task", "worker", "label"])
        found["crowd-kit"] = alpha_krippendorff(frame[frame.groupby("task")["task"].transform("size") > 1])
    return {peer: float(value) for peer, value in found.items()}


def cohen_kappa(ratings: list[list[float | None]]) -> float:
    """Of the first two labelers, over the items that both judged."""
    from sklearn.metrics import cohen_kappa_score

    both = [(a, b) for a, b in zip(ratings[0], ratings[1], strict=True) if a is not None and b is not None]
    return float(cohen_kappa_score(*zip(*both, strict=True)))


def fleiss_kappa(counts: list[list[int]]) -> float:
    """Of a table of items by categories, as many votes an item."""
    from statsmodels.stats.inter_rater import fleiss_kappa as kappa

    return float(kappa(np.array(counts)))


def kendall_tau(places: list[list[list[int]]]) -> list[float]:
    """Of each two rankings of the same items, given as places."""
    from scipy.stats import kendalltau

    return [float(kendalltau(*pair).statistic) for pair in places]


def bradley_terry(wins: np.ndarray) -> dict[str, list[float]]:
    """Centred log-strengths; crowd-kit's stops at its second step, as it compares an array with itself: left out."""
    import choix
    import evalica

    data = [(i, j) for i, j in zip(*np.nonzero(wins), strict=True) for _ in range(int(wins[i, j]))]
    xs, ys, winners, weights = list_outcomes(wins, np.zeros_like(wins))
    theirs = evalica.bradley_terry(xs, ys, winners, weights=weights, tolerance=1e-13, limit=ENOUGH)
    scores = np.log([theirs.scores[name] for name in map(str, range(len(wins)))])
    return {"evalica": centre(scores), "choix": centre(choix.ilsr_pairwise(len(wins), data, tol=1e-12))}


def newman(wins: np.ndarray, ties: np.ndarray) -> list[float]:
    """Centred log-strengths and the propensity to tie."""
    import evalica

    xs, ys, winners, weights = list_outcomes(wins, ties)
    theirs = evalica.newman(xs, ys, winners, weights=weights, tie_weight=1.0, tolerance=1e-13, limit=ENOUGH)
    scores = np.log([theirs.scores[name] for name in map(str, range(len(wins)))])
    return [*centre(scores), float(theirs.v)]


def list_outcomes(wins: np.ndarray, ties: np.ndarray) -> tuple[list[str], list[str], list[Any], list[float]]:
    """Both matrices as evalica wants them: a row an outcome, weighed by how often it came out."""
    import evalica

    rows = [(i, j, evalica.Winner.X, wins[i, j]) for i, j in zip(*np.nonzero(wins), strict=True)]
    rows += [(i, j, evalica.Winner.Draw, ties[i, j]) for i, j in zip(*np.nonzero(np.triu(ties)), strict=True)]
    return [str(r[0]) for r in rows], [str(r[1]) for r in rows], [r[2] for r in rows], [float(r[3]) for r in rows]


def plackett_luce(rankings: list[list[int]], n_items: int) -> dict[str, list[float]]:
    """Centred log-strengths by both of choix's algorithms."""
    import choix

    return {
        "choix, MM": centre(choix.mm_rankings(n_items, rankings, tol=1e-12)),
        "choix, I-LSR": centre(choix.ilsr_rankings(n_items, rankings, tol=1e-12)),
    }


def dawid_skene(votes: list[list[Any]], *, two_coins: bool) -> list[float]:
    """Chance of each labeler to be right where class 1 is, and where class 0 is; of votes (task, worker, label)."""
    from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene

    frame = pd.DataFrame(votes, columns=["task", "worker", "label"])
    if not two_coins:
        fitted = OneCoinDawidSkene(n_iter=500, tol=-1).fit(frame)
        return [float(value) for value in fitted.skills_.sort_index()]
    errors = DawidSkene(n_iter=500, tol=-1).fit(frame).errors_
    workers = sorted(frame["worker"].unique())
    return [float(errors.loc[(worker, label), label]) for label in (1, 0) for worker in workers]


def centre(values: Any) -> list[float]:
    """Log-strengths about their mean."""
    return [float(value) for value in np.asarray(values) - np.mean(values)]


def time_alpha(file: Path) -> dict[str, Any]:
    """crowd-kit's Krippendorff's alpha."""
    from crowdkit.metrics.data import alpha_krippendorff

    return {"alpha": float(alpha_krippendorff(pd.read_parquet(file)))}


def time_dawid_skene(file: Path) -> dict[str, Any]:
    """crowd-kit's Dawid-Skene as its docs use it, 100 iterations at most."""
    from crowdkit.aggregation import DawidSkene

    fitted = DawidSkene(n_iter=100).fit(pd.read_parquet(file))
    errors = fitted.errors_
    right = {
        worker: float(np.mean([errors.loc[(worker, label), label] for label in errors.columns]))
        for worker in errors.index.levels[0]
    }
    return {"reliability": right, "iterations": len(fitted.loss_history_)}


def time_both(file: Path) -> dict[str, Any]:
    """Both of them, the file read once more."""
    return time_alpha(file) | time_dawid_skene(file)


def main() -> None:
    command, given, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    timed: dict[str, Callable[[Path], dict[str, Any]]] = {
        "alpha": time_alpha, "dawid_skene": time_dawid_skene, "both": time_both
    }  # fmt: skip
    found = timed[command](given) if command in timed else measure_values(json.loads(given.read_text()))
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
