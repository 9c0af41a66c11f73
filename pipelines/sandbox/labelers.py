"""Turns candidates into the rankings of simulated labelers: skilled, careless, biased and contrary ones."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.sandbox.gold import gold_score
from pipelines.sandbox.prompts import share_out
from schemas.params import Sandbox


@dataclass(frozen=True)
class Labeler:
    """A simulated labeler and how it judges."""

    labeler_id: str
    trait: str


@dataclass(frozen=True)
class Ranked:
    """A judgement: the order in which candidates were shown, tiers best first as (ids, tied), seconds it took."""

    shown_order: list[str]
    tiers: list[tuple[list[str], bool]]
    seconds: float


@dataclass(frozen=True)
class _Shown:
    """What a labeler sees of one candidate: its gold (0.5 outside the sandbox), length, place from 0."""

    gold: float
    words: int
    place: int


_Liking = Callable[[_Shown, random.Random], float]

NOISE = 0.08
TIE_WITHIN = 0.13
LIKING: dict[str, _Liking] = {
    "skilled": lambda shown, rng: shown.gold + rng.gauss(0, NOISE),
    "careless": lambda shown, rng: 0.05 * shown.gold + rng.random(),
    "contrary": lambda shown, rng: -shown.gold + rng.gauss(0, NOISE),
    "length_biased": lambda shown, rng: 0.3 * shown.gold + 0.06 * shown.words + rng.gauss(0, NOISE),
    "position_biased": lambda shown, rng: 0.3 * shown.gold - 0.4 * shown.place + rng.gauss(0, NOISE),
}
"""How much a labeler of each trait likes what it is shown."""


def make_labelers(params: Sandbox) -> list[Labeler]:
    """The world's labelers; how many have each trait is rounded by largest remainder."""
    counts = share_out(params.n_labelers, {str(trait): share for trait, share in params.labeler_shares.items()})
    traits = [trait for trait in LIKING for _ in range(counts.get(trait, 0))]
    random.Random(f"labelers/{params.seed}").shuffle(traits)
    return [Labeler(f"sandbox-{number:02d}", trait) for number, trait in enumerate(traits, 1)]


def rank_candidates(labeler: Labeler, prompt: str, answers: Sequence[tuple[str, str]], *, seed: int) -> Ranked:
    """Rank (candidate id, text) pairs of one prompt. The order in which they come makes no difference."""
    answers = sorted(answers)
    rng = random.Random(f"rank/{seed}/{labeler.labeler_id}/{prompt}/{'/'.join(row_id for row_id, _ in answers)}")
    shown = rng.sample(answers, len(answers))
    likings = {}
    for place, (row_id, text) in enumerate(shown):
        gold = gold_score(prompt, text)
        seen = _Shown(0.5 if gold is None else gold, len(text.split()), place)
        likings[row_id] = LIKING[labeler.trait](seen, rng)
    words = sum(len(text.split()) for _, text in answers)
    pace = 0.1 if labeler.trait == "careless" else 0.4
    return Ranked(
        [row_id for row_id, _ in shown], _group_ties(likings), round(5 + pace * words + rng.uniform(0, 10), 1)
    )


def _group_ties(likings: dict[str, float]) -> list[tuple[list[str], bool]]:
    """Tiers, best first; those within TIE_WITHIN of a tier's best are tied with it."""
    tiers: list[list[str]] = []
    for row_id in sorted(likings, key=lambda name: (-likings[name], name)):
        if tiers and likings[tiers[-1][0]] - likings[row_id] < TIE_WITHIN:
            tiers[-1].append(row_id)
        else:
            tiers.append([row_id])
    return [(sorted(tier), len(tier) > 1) for tier in tiers]
