"""One row of each format, as its files hold it."""

from typing import Any

HH = {"chosen": "\n\nHuman: Hi\n\nAssistant: Good", "rejected": "\n\nHuman: Hi\n\nAssistant: Bad"}
ALPACA = {"instruction": "Add.", "input": "1 2", "output": "3"}
PANDALM = {
    "idx": 7, "cmp_key": "llama-7b_opt-7b", "instruction": "Add.", "input": "1 2", "response1": "3", "response2": "4",
    "annotator1": 1, "annotator2": 0, "annotator3": 2,
}  # fmt: skip
SEED = {"id": "seed_1", "name": "add", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}
EXAMPLES: dict[str, dict[str, Any]] = {"hh-rlhf": HH, "alpaca": ALPACA, "pandalm": PANDALM, "self-instruct": SEED}
