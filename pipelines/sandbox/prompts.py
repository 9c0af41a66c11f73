"""Turns the sandbox world's tasks into prompts of a split, given before anything is generated."""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence

from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.shingles import measure_overlap
from pipelines.sandbox.tasks import COURTESIES, KINDS, Task, every_task, find_pattern, parse_task, render_task
from schemas.curation_params import Splits
from schemas.errors import UserError
from schemas.params import Sandbox

JUNK_PROMPTS = (
    "asdf asdf asdf asdf {n}", "test test {n} please ignore", "???????? {n} !!!!!!!!", "lorem ipsum dolor sit amet {n}",
    "CLICK HERE http://win-a-prize.example/{n} CLICK HERE http://win-a-prize.example/{n}", "{n}{n}{n}{n}{n}{n}{n}{n}",
    "Ã©Ã¨Ã¢â‚¬â„¢ Ã¼Ã¶ {n} â€œÃŸâ€", "hjkl qwrt zxcv bnmp {n} dfgh",
)  # fmt: skip


def split_prompt(text: str, splits: Splits, seed: int) -> str:
    """The split of a prompt, by hash of what it asks (kind and slots): all wordings of a task share it."""
    task = parse_task(text)
    return split_task(task, splits, seed) if task else _split_content(["text", text], splits, seed)


def split_task(task: Task, splits: Splits, seed: int) -> str:
    """The split of a task, by hash of its kind and slots."""
    return _split_content([task.kind, task.slots], splits, seed)


def _split_content(content: object, splits: Splits, seed: int) -> str:
    digest = hashlib.blake2b(json.dumps([seed, content]).encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < splits.benchmark:
        return "benchmark"
    return "validation" if place < splits.benchmark + splits.validation else "train"


def share_out(n: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`n` split by shares to whole numbers, by largest remainder; the shares need not sum to 1."""
    total = sum(shares.values()) or 1.0
    exact = {name: n * share / total for name, share in shares.items()}
    counts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], list(shares).index(name)))
    for name in by_remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


def write_prompts(split: str, n: int, *, params: Sandbox, turn_seed: int, exclude: set[str]) -> list[str]:
    """`n` distinct prompts of a split, kinds balanced, none of `exclude`.

    New tasks come first; only when a kind has none left, tasks of `exclude` are asked in other words. Train
    prompts are as people write them: some say nearly what another one says, some are junk.

    Raises:
        UserError: the world has fewer prompts left in this split.
    """
    rng = random.Random(f"prompts/{params.seed}/{turn_seed}/{split}")
    n_junk = round(n * params.junk_share / 2) if split == "train" else 0
    n_near = round(n * params.near_duplicate_share / 2) if split == "train" else 0
    used, asked = set(exclude), {parse_task(text) for text in exclude}
    texts: list[str] = []
    for kind, n_kind in share_out(n - n_junk - n_near, dict.fromkeys(KINDS, 1.0)).items():
        modes = share_out(n_kind, {p.mode: p.weight for p in PATTERNS if p.kind == kind})
        for mode, n_mode in modes.items():
            tasks = [t for t in every_task(kind, mode) if split_task(t, params.splits, params.seed) == split]
            texts += _word_tasks(tasks, n_mode, rng, used=used, asked=asked)
    texts += _repeat_nearly(texts, n_near, rng, used)
    texts += _write_junk(n_junk, split, params, rng, used)
    if len(texts) < n:
        raise UserError(
            f"sandbox: {n} {split} prompts wanted, {len(texts)} left; ask for fewer or raise the split's share"
        )
    rng.shuffle(texts)
    return texts


def _word_tasks(
    tasks: Sequence[Task], n: int, rng: random.Random, *, used: set[str], asked: set[Task | None]
) -> list[str]:
    """`n` prompts, from new tasks first; adds them to `used`."""
    order = rng.sample(tasks, len(tasks))
    texts: list[str] = []
    for task in [*(t for t in order if t not in asked), *(t for t in order if t in asked)]:
        if len(texts) == n:
            break
        text = next((w for w in _every_wording(task, rng) if w not in used), None)
        if text:
            texts.append(text)
            used.add(text)
    return texts


def _every_wording(task: Task, rng: random.Random) -> Iterator[str]:
    wordings = range(len(find_pattern(task.kind, task.mode).wordings))
    yield from (render_task(task, wording) for wording in rng.sample(wordings, len(wordings)))


def _repeat_nearly(texts: Sequence[str], n: int, rng: random.Random, used: set[str]) -> list[str]:
    """`n` of the longer prompts again with a courtesy in front: near-duplicates of the same task."""
    repeats: list[str] = []
    for text in rng.sample(texts, len(texts)):
        repeat = rng.choice(COURTESIES[:1]) + text
        if len(repeats) < n and repeat not in used and measure_overlap(text, repeat) >= 0.85:
            repeats.append(repeat)
            used.add(repeat)
    return repeats


def _write_junk(n: int, split: str, params: Sandbox, rng: random.Random, used: set[str]) -> list[str]:
    texts: list[str] = []
    while len(texts) < n:
        text = rng.choice(JUNK_PROMPTS).format(n=rng.randrange(10_000))
        if text not in used and split_prompt(text, params.splits, params.seed) == split:
            texts.append(text)
            used.add(text)
    return texts
