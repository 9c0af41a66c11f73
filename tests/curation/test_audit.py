"""Every check meets at least a hundred injected faults among clean pairs: it finds them, and nothing else."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from curation.audit import CHECKS, audit_pairs, count_findings, list_drops
from curation.noise import FOUND
from curation.pairs import PAIRS, TAUGHT, PairsError
from schemas.audit import AuditChecks
from schemas.curation_params import Audit
from schemas.params import Params
from schemas.tables import check_frame

N_CLEAN, N_FAULTS = 300, 120
MAX_TOKENS = 200
WORDS = [
    f"{a}{b}{c}" for a in ("ka", "lo", "mi", "nu", "re", "so") for b in ("ba", "di", "fo", "gu", "te") for c in "lmnrst"
]
Row = dict[str, Any]


def say(rng: random.Random, n: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n)).capitalize() + "."


def tokenize(row: Row) -> Row:
    """A token a character: what is cut is plain to see."""
    for side in ("chosen", "rejected"):
        if row[side] is not None and row["prompt"] is not None:
            row[f"{side}_tokens"] = [ord(c) for c in f"{row['prompt']}\n{row[side]}"]
    return row


@dataclass
class World:
    """Pairs that no check finds, the faulty ones put among them, and everything else that checks read."""

    rng: random.Random
    rows: list[Row] = field(default_factory=list)
    votes: list[Row] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)
    benchmark: list[Row] = field(default_factory=list)
    demonstrations: list[Row] = field(default_factory=list)

    def add(self, *, faulty: bool = False, votes: bool = True, **changes: Any) -> Row:
        """A clean pair with changes, and three honest votes on it."""
        rng, name = self.rng, f"pair-{len(self.rows):05d}"
        lengths = rng.sample(range(5, 11), 2)
        row = {
            "pair_id": name, "prompt_id": f"prompt-{name}", "prompt": say(rng, 7), "chosen": say(rng, lengths[0]),
            "rejected": say(rng, lengths[1]), "system": "", "kind": "harmless", "n_empty_turns": 0,
            "chosen_reward": rng.gauss(1, 1), "rejected_reward": rng.uniform(-1, 0), "margin": 0.9,
        }  # fmt: skip
        row |= {"chosen_prompt": row["prompt_id"], "rejected_prompt": row["prompt_id"]} | changes
        row["chosen_reward"] = changes.get("chosen_reward", max(row["chosen_reward"], row["rejected_reward"] - 1))
        self.rows.append(tokenize(row))
        if faulty:
            self.faulty.add(name)
        for labeler in rng.sample(range(8), 3) if votes else ():
            self.vote(row, f"honest-{labeler}")
        return row

    def vote(self, row: Row, labeler: str, verdict: str = "chosen", **changes: Any) -> None:
        first = self.rng.random() < 0.5
        self.votes.append(
            {
                "pair_id": row["pair_id"], "labeler_id": labeler, "verdict": verdict,
                "ranking_id": f"{row['pair_id']}/{labeler}", "chosen_shown": 1 if first else 2,
                "rejected_shown": 2 if first else 1, "seconds": 20.0, "n_characters": None, "reliability": 0.85,
            } | changes
        )  # fmt: skip

    def audit(self, audit: Audit, near: Any, **changes: Any) -> pl.DataFrame:
        given: dict[str, Any] = {
            "votes": pl.DataFrame(self.votes, infer_schema_length=None),
            "benchmark": pl.DataFrame(self.benchmark, schema={"row_id": pl.String, "text": pl.String}),
            "demonstrations": pl.DataFrame(self.demonstrations, schema=TAUGHT),
            "max_tokens": MAX_TOKENS,
        }
        pairs = pl.DataFrame(self.rows, schema={c: t for c, t in PAIRS.items() if "votes" not in c and c != "asked"})
        return audit_pairs(pairs.sample(fraction=1, shuffle=True, seed=1), audit, near, **given | changes)


def inject_unknown_candidate(world: World, i: int) -> None:
    world.add(faulty=True, **{"chosen" if i % 2 else "rejected": None})


def inject_unknown_prompt(world: World, i: int) -> None:
    world.add(faulty=True, prompt=None)


def inject_no_shared_prompt(world: World, i: int) -> None:
    world.add(faulty=True, rejected_prompt=f"other {i}")


def inject_empty_side(world: World, i: int) -> None:
    world.add(faulty=True, **{"chosen" if i % 2 else "rejected": ["", " \n", "\u200b", "\u00a0\t"][i % 4]})


def inject_empty_turn(world: World, i: int) -> None:
    world.add(faulty=True, n_empty_turns=1 + i % 2)


def inject_identical_sides(world: World, i: int) -> None:
    text = say(world.rng, 1 + i % 20)
    world.add(faulty=True, chosen=text, rejected=[text, text.upper(), f"  {text}\n", text.replace(" ", "  ")][i % 4])


def inject_identical_after_truncation(world: World, i: int) -> None:
    shared = say(world.rng, 40)
    assert len(shared) > MAX_TOKENS
    world.add(faulty=True, chosen=f"{shared} yes", rejected=f"{shared} no")


def inject_over_long(world: World, i: int) -> None:
    world.add(faulty=True, **{"chosen" if i % 2 else "rejected": say(world.rng, MAX_TOKENS // 4)})


def inject_near_identical_sides(world: World, i: int) -> None:
    words = [world.rng.choice(WORDS) for _ in range(130)]
    # of 128 n-grams a side at most 3 differ, 125 / 131 = .954; or one side has one more, 128 / 129
    other = [*words[:i], "other", *words[i + 1 :]] if i % 2 else [*words, "other"]
    world.add(faulty=True, chosen=" ".join(words), rejected=" ".join(other))


def inject_formatting_only(world: World, i: int) -> None:
    lines = [say(world.rng, 4) for _ in range(3)]
    marked = [
        "\n".join(f"- {line}" for line in lines), "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1)),
        "## " + "\n\n".join(lines), "\n".join(f"**{line}**" for line in lines),
    ]  # fmt: skip
    world.add(faulty=True, chosen="\n".join(lines), rejected=marked[i % 4])


def inject_prompt_echoed(world: World, i: int) -> None:
    prompt = say(world.rng, 8)
    echo = [prompt, f"{prompt.upper()} {say(world.rng, 3)}", f"{say(world.rng, 3)} {prompt}"][i % 3]
    world.add(faulty=True, prompt=prompt, **{"chosen" if i % 2 else "rejected": echo})


def inject_refusal_preferred(world: World, i: int) -> None:
    refusal = ["I'm sorry, but I can't help with that.", "I cannot assist with this.", "I won't answer that."][i % 3]
    world.add(faulty=True, chosen=refusal)
    world.add(rejected=refusal)  # help chosen over refusal is as it should be
    world.add(chosen=refusal, rejected=f"{refusal} {say(world.rng, 4)}")


def inject_contradictory_pair(world: World, i: int) -> None:
    row = world.add(faulty=True)
    world.add(
        faulty=True, prompt_id=row["prompt_id"], prompt=row["prompt"].upper(), chosen=row["rejected"].lower(),
        rejected=row["chosen"],
    )  # fmt: skip


def inject_preference_cycle(world: World, i: int) -> None:
    texts = [say(world.rng, 6) for _ in range(3 + i % 3)]
    prompt = {"prompt_id": f"cycle-{i}", "prompt": say(world.rng, 7)}
    for chosen, rejected in zip(texts, [*texts[1:], texts[0]], strict=True):
        world.add(faulty=True, **prompt, chosen=chosen, rejected=rejected)
    world.add(**prompt, chosen=texts[0], rejected=say(world.rng, 5))  # hangs on a cycle, is not on it


def inject_duplicate_pair(world: World, i: int) -> None:
    row = world.add()
    world.add(faulty=True, **{c: row[c] for c in ("prompt_id", "prompt", "chosen", "rejected")})


def inject_repeated_prompt(world: World, i: int) -> None:
    row = world.add()
    world.add(faulty=True, prompt=row["prompt"].replace(" ", "  ").upper())
    # other pairs of one prompt repeat nothing
    world.add(prompt=row["prompt"], prompt_id=row["prompt_id"])


def inject_repeated_demonstration(world: World, i: int) -> None:
    side, words = "chosen" if i % 2 else "rejected", say(world.rng, 30).split()
    row: Row = {"row_id": f"taught-{i}", "system": "", "prompt": say(world.rng, 7), "text": " ".join(words)}
    world.demonstrations.append(row)
    # prompts: 5 shingles in common; replies: 28, or 27 of 29 where the first word differs. Together 32 of 34, .94
    again = [row["text"], " ".join(["other", *words[1:]])][i % 2]
    pair = world.add(faulty=True, prompt=row["prompt"].upper(), **{side: again})
    # no demonstration: the same reply to something else, or set otherwise; every third word another, 0 shingles of 28
    world.add(**{side: row["text"]})
    world.add(prompt=row["prompt"], system="Be brief.", **{side: row["text"]})
    far = " ".join("other" if n % 3 == 2 else word for n, word in enumerate(words))
    world.add(prompt=row["prompt"], prompt_id=pair["prompt_id"], **{side: far})


def inject_tied_votes(world: World, i: int) -> None:
    world.add(faulty=True, margin=[0.0, -0.2][i % 2])


def inject_low_agreement(world: World, i: int) -> None:
    row = world.add(faulty=True)
    for n in range(4):
        world.vote(row, f"other-{n}", "tie" if n % 2 else "rejected")


def inject_unreliable_labeler(world: World, i: int) -> None:
    row = world.add(faulty=True, votes=False)
    for n in range(1 + i % 3):
        world.vote(row, f"weak-{n}", reliability=0.4 + 0.05 * n)
    world.vote(row, "honest-1", "rejected")
    # one reliable vote clears a pair
    world.vote(world.add(), "weak-1", reliability=0.45)


def inject_position_bias(world: World, i: int) -> None:
    first = i % 2 == 0
    for faulty in (True, False):
        row = world.add(faulty=faulty, votes=not faulty)
        world.vote(row, f"biased-{first}", chosen_shown=1 if first else 2, rejected_shown=2 if first else 1)
    if i % 40 < 2:  # once in a while they go against their habit
        row = world.add(votes=False)
        world.vote(row, f"biased-{first}", chosen_shown=2 if first else 1, rejected_shown=1 if first else 2)


def inject_length_bias(world: World, i: int) -> None:
    longer = i % 2 == 0
    texts = say(world.rng, 11 if longer else 5), say(world.rng, 5 if longer else 11)
    for faulty in (True, False):
        row = world.add(faulty=faulty, votes=not faulty, chosen=texts[0], rejected=texts[1] + "!" * faulty)
        world.vote(row, f"biased-{longer}")


def inject_too_fast(world: World, i: int) -> None:
    row = world.add(faulty=True, votes=False)
    for n in range(1 + i % 3):
        world.vote(row, f"hasty-{n}", seconds=[0.0, 0.2, 0.5][i % 3])
    # long to read for a whole ranking, though not for its two sides
    world.vote(world.add(votes=False), "hasty-1", seconds=0.5, n_characters=40)


def inject_reward_outlier(world: World, i: int) -> None:
    world.add(faulty=True, rejected_reward=-50.0 - i, chosen_reward=50.0)


def inject_reward_opposed(world: World, i: int) -> None:
    world.add(faulty=True, rejected_reward=3.0 + i / 100, chosen_reward=0.0)


def inject_benchmark(world: World, i: int, column: str) -> None:
    held = say(world.rng, 30)
    world.benchmark.append({"row_id": f"held-{i}", "text": held})
    words = held.split(" ")
    text = [held, held.upper(), f"{say(world.rng, 4)} {held}", " ".join([*words[:28], "at", "last."])][i % 4]
    world.add(faulty=True, **{column: text})


INJECT: dict[str, Callable[[World, int], None]] = {
    name.removeprefix("inject_"): function for name, function in globals().items() if name.startswith("inject_")
}
del INJECT["benchmark"]
for _column in ("prompt", "chosen", "rejected"):
    INJECT[f"benchmark_in_{_column}"] = lambda world, i, column=_column: inject_benchmark(world, i, column)  # type: ignore[misc]
LONG = {"over_long", "identical_after_truncation"}
ALSO = {
    "identical_after_truncation": {"over_long", "near_identical_sides"}, "near_identical_sides": LONG,
    "repeated_demonstration": LONG,
    **{f"benchmark_in_{column}": LONG for column in ("prompt", "chosen", "rejected")},
}  # fmt: skip
"""What a fault of one check is to others too: texts that are long by their nature."""


@pytest.fixture
def everything(params: Params) -> Audit:
    """The committed settings with every check on, warning."""
    audit = params.curate_preferences.audit
    checks = {
        name: getattr(audit.checks, name).model_copy(update={"enabled": True, "action": "warn"}) for name in CHECKS
    }
    return audit.model_copy(update={"checks": AuditChecks(**checks)})


def make_world(seed: int = 0) -> World:
    world = World(random.Random(seed))
    for number in range(20):
        taught = {"row_id": f"untold-{number}", "system": "", "prompt": say(world.rng, 7), "text": say(world.rng, 30)}
        world.demonstrations.append(taught)
        world.benchmark.append({"row_id": f"unmet-{number}", "text": say(world.rng, 30)})
    for _ in range(N_CLEAN):
        world.add()
    return world


def test_every_check_has_settings_and_a_fault_to_find() -> None:
    assert set(CHECKS) == set(AuditChecks.model_fields) == set(INJECT)
    assert len(CHECKS) >= 15


def test_no_check_finds_anything_in_clean_pairs(everything: Audit, params: Params) -> None:
    for seed in range(3):
        assert not make_world(seed).audit(everything, params.near_duplicates).height


@pytest.mark.parametrize("name", sorted(INJECT))
def test_faults_are_found_and_nothing_else_is(name: str, everything: Audit, params: Params) -> None:
    world = make_world()
    for i in range(N_FAULTS):
        INJECT[name](world, i)
    findings = world.audit(everything, params.near_duplicates)
    check_frame("pair_findings", findings)
    found = set(findings.filter(pl.col("reason") == name)["pair_id"])
    assert len(world.faulty) >= 100
    assert len(found & world.faulty) >= 0.99 * len(world.faulty)
    assert not found - world.faulty
    others = findings.filter((pl.col("reason") != name) & ~pl.col("reason").is_in(list(ALSO.get(name, ()))))
    assert not others.height, others["reason"].value_counts().rows()


def test_a_finding_drops_weighs_or_warns_as_params_say(everything: Audit, params: Params) -> None:
    world = make_world()
    for i in range(3):
        inject_empty_turn(world, i)
    for action, weight in (("drop", 0.0), ("down_weight", 0.25), ("warn", 1.0)):
        check = everything.checks.empty_turn.model_copy(update={"action": action})
        checks = everything.checks.model_copy(update={"empty_turn": check})
        audit = everything.model_copy(update={"checks": checks, "weight": 0.25})
        found = world.audit(audit, params.near_duplicates)
        assert found.select("pair_id", "action", "weight").rows() == [(n, action, weight) for n in sorted(world.faulty)]
        assert list_drops(found).schema == FOUND
        assert list_drops(found)["row_id"].to_list() == (sorted(world.faulty) if action == "drop" else [])
        assert count_findings(found) == {"pairs_found": 3, action: {"empty_turn": 3}}
    off = everything.checks.empty_turn.model_copy(update={"enabled": False})
    audit = everything.model_copy(update={"checks": everything.checks.model_copy(update={"empty_turn": off})})
    assert not world.audit(audit, params.near_duplicates).height


def test_texts_alone_are_enough(everything: Audit, params: Params) -> None:
    rows = [("a", "Say yes please now", "Yes.", "No."), ("b", "Say no please now", "No.", "no."), ("c", "", "x", "")]
    pairs = pl.DataFrame(rows, schema=["pair_id", "prompt", "chosen", "rejected"], orient="row")
    found = audit_pairs(pairs, everything, params.near_duplicates)
    assert found.select("pair_id", "reason").rows() == [("b", "identical_sides"), ("c", "empty_side")]


def test_a_labeler_of_few_votes_is_not_blamed(everything: Audit, params: Params) -> None:
    # 13 of 13 for the side shown first: by Wilson at .999 the share is only known to be above .576
    world = make_world()
    for _ in range(13):
        world.vote(world.add(votes=False), "new", chosen_shown=1, rejected_shown=2)
    assert not world.audit(everything, params.near_duplicates).height


def test_frames_that_cannot_be_audited_are_named(everything: Audit, params: Params) -> None:
    near = params.near_duplicates
    good = {"pair_id": ["a"], "prompt": ["p"], "chosen": ["c"], "rejected": ["r"]}
    faults: list[tuple[dict[str, Any], dict[str, Any] | None, str]] = [
        ({c: v for c, v in good.items() if c != "chosen"}, None, "no column chosen"),
        ({c: v * 2 for c, v in good.items()}, None, "repeated, such as 'a'"),
        (good | {"margin": ["much"]}, None, "another type"),
        (good, {"pair_id": ["a"], "labeler_id": ["l"]}, "votes: no column verdict"),
        (good, {"pair_id": ["a"], "labeler_id": ["l"], "verdict": ["first"]}, "'first' is none of"),
    ]
    for pairs, votes, words in faults:
        with pytest.raises(PairsError, match=words):
            audit_pairs(pl.DataFrame(pairs), everything, near, votes=pl.DataFrame(votes) if votes else None)
