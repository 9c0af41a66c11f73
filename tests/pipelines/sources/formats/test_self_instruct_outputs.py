"""A model's output is a candidate for the prompt that self-instruct's instruction makes, by the model of the file."""

from pathlib import Path

import pytest
from converted_rows import convert, pick, tell_notes, tell_prompt
from format_examples import OUTPUTS

from pipelines.sources.formats import self_instruct
from pipelines.sources.formats.self_instruct_outputs import FORMAT, bind_file
from schemas.records import Candidate, Prompt, Sample


def test_the_prompt_is_that_of_the_instruction_file() -> None:
    task = {"id": "1", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}
    (known,) = pick(convert(self_instruct.FORMAT, task), Prompt)
    imported = convert(FORMAT, {**OUTPUTS, "instruction": "Add.", "input": "1 2"})
    assert tell_prompt(imported) == [("user", "Add.\n\n1 2")] and pick(imported, Prompt)[0] == known
    assert pick(imported, Candidate)[0].completion[0].content == " 3"


@pytest.mark.parametrize(
    ("name", "policies"),
    [
        ("text-davinci-003_predictions.jsonl", ["text-davinci-003"]),
        ("davinci_predictions.jsonl.gz", ["davinci"]),
        ("answers.jsonl", []),
    ],
)
def test_the_files_name_says_which_model_wrote(name: str, policies: list[str]) -> None:
    assert [sample.policy for sample in pick(bind_file(Path(name), [])(OUTPUTS), Sample)] == policies


def test_an_empty_response_is_noted() -> None:
    assert tell_notes(convert(FORMAT, {**OUTPUTS, "response": "\n"})) == ["empty_output"]
