from fractions import Fraction

import pytest

from curation.verifiers import VERIFIERS, evaluate_expression, find_choice


@pytest.mark.parametrize(
    ("name", "prompt", "reference", "completion", "verdict"),
    [
        ("arithmetic", "What is 2 + 3 * 4?", None, "It is 14.", True),
        ("arithmetic", "What is 2 + 3 * 4?", None, "2 + 3 is 5, and 5 * 4 is 20.", False),
        ("arithmetic", "(2+3)×4 =", None, "20", True),
        ("arithmetic", "Compute 1,200 - 200", None, "1,000", True),
        ("arithmetic", "What is 10 / 4?", None, "2.5", True),
        ("arithmetic", "What is 10 / 3?", None, "About 3.33", True),
        ("arithmetic", "What is 10 / 3?", None, "3.34", False),
        ("arithmetic", "What is 10 / 3?", None, "3", False),
        ("arithmetic", "What is 1 / 0?", None, "0", None),
        ("arithmetic", "What is 7 - 9?", None, "-2", True),
        ("arithmetic", "What happened in 1914-1918?", None, "A war of 4 years", None),
        ("arithmetic", "What is 2 + 2?", None, "Four.", None),
        ("arithmetic", "What is 2 + 2?", None, "The answer is 4, as in 1 and 3.", True),
        ("calculator", "", None, "She has <<48/2=24>>24 and <<48+24=72>>72.", True),
        ("calculator", "", None, "She has <<48/2=24>>24 and <<48+24=71>>71.", False),
        ("calculator", "", None, "She has 72.", None),
        ("number", "", "Half is 24.\n#### 72", "#### 72", True),
        ("number", "", "#### 1,072", "so \\boxed{1072}", True),
        ("number", "", "72", "The answer is $71.", False),
        ("number", "", "72", "It was 71 before, then 72", None),
        ("number", "", None, "#### 72", None),
        ("choice", "", "B", "The answer is (B) because", True),
        ("choice", "", "(C) fourteen", "C.", True),
        ("choice", "", "A", "B) the fox", False),
        ("choice", "", "A", "Because a fox is red", None),
    ],
)
def test_verdicts(name: str, prompt: str, reference: str | None, completion: str, verdict: bool | None) -> None:
    assert VERIFIERS[name](prompt, reference, completion) is verdict


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 - 3 - 4", -4), ("2*3+4*5", 26), ("-(2 - 5)", 3), ("7/2", Fraction(7, 2)), ("0.1+0.2", Fraction(3, 10)),
        ("(1", None), ("1 +", None), ("1 2", None), ("", None), ("a+1", None), ("(" * 90 + "1", None), ("1)", None),
        ("2**3", None),
    ],
)  # fmt: skip
def test_expressions_are_worked_out_exactly(text: str, value: Fraction | int | None) -> None:
    assert evaluate_expression(text) == value


def test_a_small_letter_in_a_sentence_is_no_choice() -> None:
    assert find_choice("a") is None and find_choice("I think so") is None and find_choice("option b") == "B"
