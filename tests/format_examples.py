"""One row of each format, as its files hold it."""

from typing import Any

from preference_examples import PREFERENCES

HH = {"chosen": "\n\nHuman: Hi\n\nAssistant: Good", "rejected": "\n\nHuman: Hi\n\nAssistant: Bad"}
ALPACA = {"instruction": "Add.", "input": "1 2", "output": "3"}
PANDALM = {
    "idx": 7, "cmp_key": "llama-7b_opt-7b", "instruction": "Add.", "input": "1 2", "response1": "3", "response2": "4",
    "annotator1": 1, "annotator2": 0, "annotator3": 2,
}  # fmt: skip
SEED = {"id": "seed_1", "name": "add", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}
CHOICES = [{"text": "a cow", "label": "A"}, {"text": "a cat", "label": "B"}]
QUESTIONS: dict[str, dict[str, Any]] = {
    "arc": {"id": "Mercury_1", "question": {"stem": "What purrs?", "choices": CHOICES}, "answerKey": "B"},
    "boolq": {"question": "do cats purr", "title": "Cats", "answer": True, "passage": "Cats purr."},
    "coqa": {
        "id": "c1", "story": "A cat sits.", "questions": [{"turn_id": 1, "input_text": "Who?"}],
        "answers": [{"turn_id": 1, "input_text": "a cat"}],
    },
    "drop": {"passage_id": "nfl_1", "passage": "Two cats.", "qa_pairs": [
        {"query_id": "q", "question": "How many?", "answer": {"number": "2", "spans": [], "date": {}}},
    ]},
    "multinli": {"gold_label": "neutral", "sentence1": "A cat sits.", "sentence2": "A cat purrs.", "pairID": "7n"},
    "openbookqa": {"id": "7-97", "question": {"stem": "What purrs?", "choices": CHOICES}, "answerKey": "B"},
    "quac": {"title": "Cats", "section_title": "Sitting", "background": "", "paragraphs": [
        {"id": "C_1", "context": "A cat sits. CANNOTANSWER", "qas": [
            {"id": "q0", "question": "Does it?", "yesno": "y", "orig_answer": {"text": "A cat sits."}},
        ]},
    ]},
    "race": {
        "id": "high1.txt", "article": "A cat sits.", "questions": ["Who?"], "answers": ["B"],
        "options": [["A cow", "A cat"]],
    },
    "winogrande": {
        "qID": "Q-1", "sentence": "The _ bites.", "option1": "cow", "option2": "cat", "answer": "2",
    },
}  # fmt: skip
"""The nine sets that InstructGPT's reward model was warmed up on."""

CHATS: dict[str, dict[str, Any]] = {
    "openai": {"messages": [{"role": "user", "content": "Add 1 2."}, {"role": "assistant", "content": "3"}]},
    "sharegpt": {"id": "s_0", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
    "trl": {"prompt": "Add 1 2.", "chosen": "3", "rejected": "4"},
}
LLMBAR = {"input": "Add 1 2.", "output_1": "3", "output_2": "4", "label": 1}
ALPACA_EVAL = {
    "instruction": "Add 1 2.", "output_1": "3", "generator_1": "davinci", "output_2": "4", "generator_2": "llama",
    "annotator": "gpt4", "preference": 1.0,
}  # fmt: skip
OUTPUTS = {"prompt": "Add 1 2.\n\nOutput:", "instruction": "Add 1 2.", "input": "", "response": " 3", "target": "3"}


def make_node(named: str, text: str, role: str, **more: Any) -> dict[str, Any]:
    """A message of a tree of OASST."""
    return {"message_id": named, "text": text, "role": role, "review_result": True, "deleted": False, **more}


OASST = {
    "message_tree_id": "t",
    "tree_state": "ready_for_export",
    "prompt": make_node(
        "t", "Add 1 2.", "prompter",
        replies=[
            make_node("a", "4", "assistant", parent_id="t", rank=1, replies=[]),
            make_node(
                "b", "3", "assistant", parent_id="t", rank=0,
                replies=[make_node("c", "Why?", "prompter", parent_id="b", replies=[])],
            ),
        ],
    ),
}  # fmt: skip
EXPORTED = {
    "ranking_id": "r1", "prompt_id": "p1", "prompt": [{"role": "user", "content": "Hi"}], "labeler_id": "ann",
    "labeler_kind": "person", "candidates": [
        {"candidate_id": "a", "completion": [{"role": "assistant", "content": "Good"}]},
        {"candidate_id": "b", "completion": [{"role": "assistant", "content": "Bad"}]},
    ], "tiers": [{"candidate_ids": ["a"], "tied": False}, {"candidate_ids": ["b"], "tied": False}],
}  # fmt: skip
"""A row of our own Parquet export of rankings."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "hh-rlhf": HH, "alpaca": ALPACA, "pandalm": PANDALM, "self-instruct": SEED, **QUESTIONS, **PREFERENCES,
    **CHATS, "llmbar": LLMBAR, "alpaca-eval": ALPACA_EVAL, "self-instruct-outputs": OUTPUTS, "oasst": OASST,
    "flywheel": EXPORTED,
}  # fmt: skip
