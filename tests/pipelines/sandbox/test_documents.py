"""Pre-training texts: large, varied, and blind to what is held out."""

import re

import pytest

from pipelines.sandbox.documents import write_documents
from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.prompts import split_prompt, split_task, write_prompts
from pipelines.sandbox.tasks import every_task, parse_task, render_task
from schemas.params import Sandbox


@pytest.fixture(scope="module")
def documents(params: Sandbox) -> list[str]:
    return write_documents(params.model_copy(update={"n_documents": 12_000}))


def test_every_instruction_in_them_is_a_train_task(documents: list[str], params: Sandbox) -> None:
    asked = [text for document in documents for text in re.findall(r"<\|user\|>(.*?)<\|end\|>", document, re.S)]
    assert len(asked) > 2_000
    assert all(parse_task(text) for text in asked)
    assert {split_prompt(text, params.splits, params.seed) for text in asked} == {"train"}


def find_texts(texts: list[str], documents: list[str]) -> list[str]:
    """Those texts that stand anywhere in a document, word by word, whatever markers are around them."""
    words = [re.sub(r"<\|\w+\|>", " ", document).split() for document in documents]
    places: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for number, said in enumerate(words):
        for start in range(len(said)):
            places.setdefault(tuple(said[start : start + 8]), []).append((number, start))
    found = []
    for text in texts:
        wanted = text.split()
        starts = places.get(tuple(wanted[:8]), [])
        if any(words[number][start : start + len(wanted)] == wanted for number, start in starts):
            found.append(text)
    return found


def test_no_held_out_task_stands_in_them_in_any_wording(documents: list[str], params: Sandbox) -> None:
    held_out = [
        render_task(task, wording)
        for pattern in PATTERNS
        for task in every_task(pattern.kind, pattern.mode)
        if split_task(task, params.splits, params.seed) != "train"
        for wording in range(len(pattern.wordings))
    ]
    assert len(held_out) > 20_000
    assert not find_texts(held_out, documents)
    leaked = [*documents, f"Here is one: {held_out[7]} And so on."]
    assert find_texts(held_out, leaked) == [held_out[7]]


def test_benchmark_prompts_are_not_in_them(documents: list[str], params: Sandbox) -> None:
    joined = "\n".join(documents)
    for split in ("benchmark", "validation"):
        for text in write_prompts(split, 200, params=params, turn_seed=5, exclude=set()):
            assert text not in joined


def test_their_number_and_size(documents: list[str], params: Sandbox) -> None:
    assert len(documents) == 12_000 and all(document.strip() for document in documents)
    assert 0.8e6 < sum(map(len, documents)) < 2e6
    assert len(set(documents)) > 9_000
    assert documents == write_documents(params.model_copy(update={"n_documents": 12_000}))
