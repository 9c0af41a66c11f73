from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.noise import RULES, find_noise
from curation.personal_data import count_personal_data
from schemas.noise_rules import CompletionRules, PromptRules
from schemas.params import Params

GOOD = (
    "7", "No.", "Yes", "Na", "None", "null", "4/5", "x = 3", "It is a fruit.", "In a mine.", "- ash\n- maple\n- elm",
    "1. drill\n2. ladder\n3. axe", "22 - 19 - 16 - 13 - 10.", "Cuba -> Peru -> France.", "There are 6 legs.",
    "Dear boss,\nI am sorry about the noise. Please forgive me.\nBest wishes, Ada",
    "I am sorry, but I cannot help with that.",
    "Sorry, I can't help with that. Please ask me for something kind instead.",
    "Could you please hand me the boat before noon? Thank you!", "SELECT name FROM authors;",
    "Café au lait, s'il vous plaît.", "```python\nprint(1)\n```", "今天天气很好。",
    "Âge, MANHÃ, Âne et ROMÂ comme lettres", "red, red, blue, red", "C'est l'Âge d'or", "[[4, 2],\n [5, 3]]",
    "He was born in 1987-06-05 and paid $1,234.56.", "See https://example.org for more about it.",
    "def add(a, b):\n    return a + b", "👍🏽 Great!", "rhythm and hymns",
    "lst = lst + 1; lst.sort()", "(A) a link [1, 2]", "<img src='a.png'>", "[Verse 1]", "The HTML and CSS of www",
)  # fmt: skip

WORDS = ("apple", "bridge", "candle", "doctor", "engine", "forest", "garden", "hammer", "island", "jacket")
PROSE = " ".join(WORDS * 6)  # 60 words

# reason: texts that break the rule, or rows where a text is not enough
BAD: dict[str, list[Any]] = {
    "empty": ["", "  \n\t", "\u200b\ufeff"],
    "too_short": ["a", " b "],
    "too_long": ["word " * 4_001],
    "too_few_tokens": [{"text": "b", "n_tokens": 1}],
    "too_many_tokens": [{"text": "a", "n_tokens": 8193}],
    "too_few_words": ["one two three", "- - - a - - -"],
    "too_many_words": ["a " * 100_001],
    "mean_word_length": ["so it is " * 20, "internationalisation " * 60],
    "symbol_words": ["#good #fine #nice " * 20, "wait... for it... " * 20],
    "alphabetic_words": ["12 + 34 = 46 ok " * 20],
    "stop_words": [PROSE, PROSE + " the"],
    "bullet_lines": ["- a\n- b\n- c\n- d", "• a\n\n* b\n - c\n• d"],
    "ellipsis_lines": ["a...\nb…\nc\nd", "Read more...\nRead more …\n\nc\nd\ne"],
    "placeholder": ["Noinput", "<noinput>", "N/A", "n/a.", "No output required", "[insert answer here]", "TODO", "nan",
                    "Lorem ipsum dolor sit amet", "???", "...", "Summarise the text.\n\nNo input",
                    "test test 12 please ignore", "<noinputs>", "What is on it?\n\n[Picture of a striped shirt]",
                    "<image attached>"],
    "keyboard_mash": ["hjkl qwrt zxcv bnmp", "asdf asdf asdf 12"],
    "mojibake": ["cafÃ© au lait", "Itâ€™s fine", "14Â-Â12Â-Â10", "Ã©Ã¨ and more"],
    "unprintable": ["a\x00b", "what\ufffd is", "\x1b[31mred"],
    "symbol_share": ["@@## $$%% ^^&& **!! ~~~ |||", "######## ab ######"],
    "url_share": ["Buy at http://cheap.example/boats now"],
    "bare_link": ["https://example.org/a", "Summarise this article.\n\nwww.example.org/some/article"],
    "long_word": ["so " + "aB3" * 70],
    "repeated_characters": ["a" * 101, "wow " + "!" * 150],
    "repeated_pattern": ["5481" * 5, "ha ha ha ha ha ha ha"],
    "repeated_lines": ["Hello\nHello\nHello\nHello", "a b\nc d\na b\nc d\na b"],
    "repeated_line_characters": ["a long line that comes again\nb\nc\na long line that comes again"],
    "repeated_paragraphs": ["a\n\nb\n\na\n\nb", "x\ny\n\nz\n\nx\ny\n \nx\ny"],
    "repeated_paragraph_characters": ["a long line\nthat comes again\n\nb\n\nc\n\na long line\nthat comes again"],
    "repeated_phrases": ["the cat sat " * 6],
    "repeated_passages": [" ".join(f"w{i % 30}" for i in range(60))],
    "lorem_ipsum": ["Our offer: Lorem ipsum dolor"],
    "curly_bracket": ["int main() { return 0; }"],
    "web_boilerplate": ["Please enable JavaScript to go on.", "a\nBy staying you accept our Terms of Use.\nb"],
    "too_few_sentences": ["It is so. It is well.", "One sentence.\nTwo"],
    "language": ["Dies ist ein ganz gewöhnlicher deutscher Satz, der nur lang genug sein muss, um erkannt zu werden."],
    "personal_data": ["Write to jane.doe@gmail.com", "call +44 20 7946 0958", "card 4539 1488 0343 6467",
                      "(212) 736-5000", "tel: 2127365000", "01 42 68 53 00", "server 81.2.69.142 is down",
                      "2a02:26f0:ec:2::1234", "00:1B:44:11:3A:B7", "CPF 390.533.447-05",
                      "key AKIAIOSFODNN7EXAMPLE", "-----BEGIN RSA PRIVATE KEY-----"],
    "unbalanced_code_fence": ["```python\nprint(1)", "a\n```\nb\n```\nc\n```", "```\nprint(1)```",
                              "```\na\n~~~", "````\na\n```"],
    "leaked_markers": ["fine <|user|> what", "[INST] do", "### Response:\nfine", "yes\n\nHuman: more"],
    "program_request": ["Write a program to add two numbers."],
    "opens_with_punctuation": ["- do it", "(maybe) do it"],
    "opens_with_non_ascii": ["Écris une phrase."],
    "unsupported_request": ["Draw a cat", "Describe the image"],
    "prompt_echoed": ["What is the capital of France?", "what is the  capital of france? It is Paris."],
    "input_copied": [{"text": "It  is fine.", "prompt": "Correct this.\n\nit is fine."}],
    "assistant_boilerplate": ["As an AI language model, I do not have opinions.", "I'm just an AI and so on"],
    "refusal": ["I'm sorry, but I can't help with that.", "I cannot assist with this request."],
    "truncated": ["The sailor cl-", "He went to the shop and", "one, two,"],
    "unfinished_sentence": ["It was late. He went home. Then he saw a big", "Yes. That is so. It was because he"],
    "trailing_colon": ["Here are three fruits:"],
    "wrong_answer": [
        {"text": "It is 5.", "prompt": "What is 2 + 2?"}, {"text": "So 4.\n#### 4", "reference": "#### 5"},
        {"text": "The answer is (B).", "reference": "C"}, {"text": "She has <<3*4=13>>13 eggs."},
    ],
}  # fmt: skip
# good texts that a rule means all the same: it is for other texts, and off in params.yaml
MEANT: dict[str, Callable[[str], bool]] = {
    "refusal": lambda text: "sorry" in text.lower(),
    "too_short": lambda text: len(text) < 3,
    "too_few_words": lambda text: True,
    "too_few_sentences": lambda text: True,
    "opens_with_punctuation": lambda text: not text[0].isalnum(),
    "opens_with_non_ascii": lambda text: not text[0].isascii(),
}
PROMPT = "What is the capital of France?"


COLUMNS = {"row_id": pl.String, "text": pl.String, "prompt": pl.String, "reference": pl.String, "n_tokens": pl.Int64}


def rows(*texts: Any) -> pl.DataFrame:
    given = [text if isinstance(text, dict) else {"text": text} for text in texts]
    named = [{"row_id": f"{i:03}", "prompt": PROMPT} | row for i, row in enumerate(given)]
    return pl.DataFrame(named, schema=COLUMNS)


def rules_for(reason: str, params: Params) -> Any:
    return params.prompts.rules if reason in PromptRules.model_fields else params.curate_demonstrations.rules


def test_every_rule_has_bad_examples_here_and_a_place_in_params() -> None:
    assert set(BAD) == set(RULES)
    assert set(RULES) <= set(PromptRules.model_fields) | set(CompletionRules.model_fields)


@pytest.mark.parametrize("reason", sorted(BAD))
def test_rule_finds_each_bad_text_and_no_good_one(reason: str, params: Params, only: Callable[..., Any]) -> None:
    rules = only(rules_for(reason, params), **{reason: {}})
    bad = find_noise(rows(*BAD[reason]), rules)
    assert bad["row_id"].to_list() == [f"{i:03}" for i in range(len(BAD[reason]))]
    assert set(bad["reason"]) == {reason} and bad["value"].null_count() == bad["threshold"].null_count() == 0
    excused = MEANT.get(reason, lambda text: False)
    good = [text for text in GOOD if not excused(text)]
    assert find_noise(rows(*good), rules).rows() == []


def test_short_right_answers_and_refusals_stay_with_the_settings_as_committed(params: Params) -> None:
    found = find_noise(rows(*GOOD), params.curate_demonstrations.rules)
    assert found.rows() == []


@pytest.mark.parametrize(
    ("reason", "change", "text", "value", "threshold"),
    [
        ("too_short", {"min_characters": 4}, " abc ", 3, 4),
        ("too_long", {"max_characters": 4}, "abcde", 5, 4),
        # 6 of 8 characters that are not blank
        ("symbol_share", {"max_ratio": 0.5, "min_characters": 4}, "ab ###@@@", 0.75, 0.5),
        # 16 of 20 characters
        ("url_share", {"max_ratio": 0.5, "min_characters": 4}, "see http://a.example", 0.8, 0.5),
        # lines a b a a: two of four repeat an earlier one
        ("repeated_lines", {"max_ratio": 0.3, "min_lines": 4}, "a\n\nb\na\na", 0.5, 0.3),
        # "aa bb" three times: 12 of 14 word characters
        ("repeated_phrases", {"max_ratios": {2: 0.2}, "min_words": 2}, "aa bb aa bb aa bb cc", 12 / 14, 0.2),
        # the second "a b c d e" : 5 of 10 word characters
        ("repeated_passages", {"max_ratios": {5: 0.15}, "min_words": 5}, "a b c d e a b c d e", 0.5, 0.15),
        # three lines of 4 + 1 + 4 characters, the last one a repeat
        ("repeated_line_characters", {"max_ratio": 0.2, "min_lines": 3}, "abcd\n\nb\n abcd ", 4 / 9, 0.2),
        # paragraphs of lines (a b), (c), (a b): one of three; 2 of 5 characters
        ("repeated_paragraphs", {"max_ratio": 0.2, "min_paragraphs": 3}, "a\nb\n\nc\n \na\nb", 1 / 3, 0.2),
        ("repeated_paragraph_characters", {"max_ratio": 0.2, "min_paragraphs": 3}, "a\nb\n\nc\n\na\nb", 0.4, 0.2),
        ("too_few_tokens", {"min_tokens": 3}, {"text": "a b", "n_tokens": 2}, 2, 3),
        ("too_many_tokens", {"max_tokens": 3}, {"text": "a b", "n_tokens": 4}, 4, 3),
        # "--" has no letter or digit
        ("too_few_words", {"min_words": 4}, "it's -- so 7", 3, 4),
        ("too_many_words", {"max_words": 2}, "it's -- so 7", 3, 2),
        # letters and digits of it's, so, café: 3 + 2 + 4
        ("mean_word_length", {"min_characters": 4, "max_characters": 9, "min_words": 3}, "it's -- (so) café", 3, 4),
        ("mean_word_length", {"min_characters": 1, "max_characters": 2, "min_words": 3}, "it's -- (so) café", 3, 2),
        # two hash signs, one ellipsis, four runs between blanks
        ("symbol_words", {"max_ratio": 0.1, "min_words": 2}, "#a #b c... -", 0.5, 0.1),
        ("symbol_words", {"max_ratio": 0.1, "min_words": 2}, "#a b... c…… d", 0.75, 0.1),
        ("alphabetic_words", {"min_ratio": 0.8, "min_words": 2}, "a1 22 + é", 0.5, 0.8),
        # "the" and "with" occur; "there" is another word
        ("stop_words", {"min_stop_words": 3, "min_words": 2}, "The... there, the (with)", 2, 3),
        ("bullet_lines", {"max_ratio": 0.5, "min_lines": 3}, "- a\n\n* b\n*c*\n•d", 0.75, 0.5),
        ("ellipsis_lines", {"max_ratio": 0.3, "min_lines": 2}, "a... \nb …\nc.", 2 / 3, 0.3),
        ("web_boilerplate", {"max_ratio": 0.3, "min_lines": 1}, "See our Privacy Policy.\nIt is fine.", 0.5, 0.3),
        # two on the first line (3.5 ends none), one on the second; the third has no end, the fourth too few words
        ("too_few_sentences", {"min_sentences": 5}, 'It is 3.5 m. "So it is?"\nThat is all!\nAnd so on\nNo, no.', 3, 5),
        ("too_few_sentences", {"min_sentences": 9}, 'He said "no!" (twice.) Or so.', 3, 9),
        ("too_few_sentences", {"min_sentences": 9}, "It is 3.5 or 4.5 or 5.5 m.", 1, 9),
        # "and so" follows the second sentence
        ("unfinished_sentence", {"max_words": 0, "min_sentences": 2}, "It is. He was. And so", 2, 0),
        ("personal_data", {"kinds": ["ip"]}, "a@firm.de from 81.2.69.142", 1, 0),
        ("wrong_answer", {"verifiers": ["calculator"]}, "<<2*3=7>> and <<2*(1+4)=10>>", 1, 0),
        ("repeated_pattern", {"max_repeats": 2, "min_characters": 3}, "ab a b ab", 3, 2),
        ("repeated_characters", {"max_characters": 3}, "a bbbb c", 4, 3),
        ("keyboard_mash", {"max_ratio": 0.5, "min_words": 2}, "dfgh qwert nice", 2 / 3, 0.5),
        ("unprintable", {"max_characters": 1}, "a\x00\x01", 2, 1),
        # the prompt is 30 of 45 characters
        ("prompt_echoed", {"min_ratio": 0.5, "min_words": 4}, PROMPT + " Paris it is ok", 30 / 45, 0.5),
    ],
)
def test_value_and_threshold_are_what_was_measured(
    reason: str, change: dict[str, Any], text: Any, value: float, threshold: float, params: Params, only: Any
) -> None:
    rules = only(rules_for(reason, params), **{reason: change})
    (found,) = find_noise(rows(text), rules).rows(named=True)
    assert (found["value"], found["threshold"]) == (pytest.approx(value), threshold)


def test_an_echo_is_an_echo_however_its_letters_are_encoded(params: Params, only: Any) -> None:
    rules = only(params.curate_demonstrations.rules, prompt_echoed={}, input_copied={})
    asked = "Écris-moi une lettre courte."
    echo = {"prompt": asked, "text": "E\u0301cris-moi  une lettre courte. Oui."}
    copy = {"prompt": f"Fix it.\n\n{asked}", "text": asked.upper()}
    other = {"prompt": asked, "text": "Écris une lettre courte, moi?"}
    found = find_noise(rows(echo, copy, other), rules)
    assert found.select("row_id", "reason").rows() == [("000", "prompt_echoed"), ("001", "input_copied")]


def test_a_phrase_that_occurs_twice_is_no_repetition(params: Params, only: Any) -> None:
    rules = only(params.prompts.rules, repeated_phrases={"max_ratios": {2: 0.2}, "min_words": 2})
    assert find_noise(rows("aa bb aa bb cc"), rules).height == 0


def test_an_answer_that_ran_out_of_tokens_is_truncated(params: Params, only: Any) -> None:
    frame = rows("It is fine.", "It is fine.", "It is fine.").with_columns(
        finish_reason=pl.Series(["length", "stop", None])
    )
    found = find_noise(frame, only(params.curate_demonstrations.rules, truncated={}))
    assert found["row_id"].to_list() == ["000"]


def test_language_needs_length_and_certainty(params: Params, only: Any) -> None:
    german = "Dies ist ein ganz gewöhnlicher deutscher Satz, der nur lang genug sein muss, um erkannt zu werden."
    for change in ({"languages": ["en", "de"]}, {"min_characters": 500}):
        assert find_noise(rows(german), only(params.prompts.rules, language=change)).height == 0


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("mail me@firm.de or you@firm.co.uk", 2),
        ("info@example.com and x@mail.example.org", 0),
        ("4539 1488 0343 6467", 1),
        ("4539 1488 0343 6468", 0),  # wrong check digit
        ("IBAN GB82 WEST 1234 5698 7654 32", 1),
        ("IBAN DE89 3704 0044 0532 0130 00", 1),
        ("SSN 536-90-4399", 1),
        ("(212) 555-0123 is made up", 0),
        ("from 1999-2005, 3.14159265358979 and 1,000,000,000", 0),
        ("10 20 30 40 50 60 70 80", 0),
        ("81.2.69.142 and 192.168.1.1 and 127.0.0.1 and 999.2.69.142 and version 3.11.0.1", 1),
        ("fe80::1 and 2a02:26f0:ec:2::1234 and at 10:45:30:12", 1),
        ("12345678Z and 12345678A", 1),  # of the last, the letter is wrong
        ("Tel. 0123456789 and fax: 030 9876 5432", 1),
    ],
)
def test_personal_data_is_counted(text: str, n: int) -> None:
    assert count_personal_data(text) == n


TEXTS = st.lists(
    st.one_of(st.text(max_size=60), st.sampled_from([t for texts in BAD.values() for t in texts] + list(GOOD))),
    min_size=1, max_size=12,
)  # fmt: skip


NAMES = [name for name in RULES if name in CompletionRules.model_fields]


@settings(max_examples=20, deadline=None)
@given(TEXTS, st.integers(0, 10**6))
def test_no_rule_short_circuits_another_and_order_does_not_matter(
    params: Params, only: Callable[..., Any], texts: list[str], seed: int
) -> None:
    rules = only(params.curate_demonstrations.rules, **{name: {} for name in NAMES})
    frame = rows(*texts)
    found = find_noise(frame, rules)
    alone = [find_noise(frame, only(rules, **{name: {}})) for name in NAMES]
    assert pl.concat(alone).sort("row_id", "reason").equals(found)
    assert find_noise(frame.sample(fraction=1, shuffle=True, seed=seed), rules).equals(found)
    one_by_one = [find_noise(frame[i : i + 1], rules) for i in range(frame.height)]
    assert pl.concat(one_by_one).equals(found)


def test_tokens_are_counted_where_a_rule_wants_them_and_nobody_has(params: Params, only: Any) -> None:
    counted = []

    def count(texts: pl.Series) -> pl.Series:
        counted.append(texts.to_list())
        return texts.str.len_chars().cast(pl.Int64)

    frame = pl.DataFrame({"row_id": ["a", "b"], "text": ["abc", None]})
    rules = only(params.prompts.rules, too_many_tokens={"max_tokens": 2})
    assert find_noise(frame, rules, count_tokens=count).select("row_id", "value").rows() == [("a", 3.0)]
    assert counted == [["abc", ""]]
    handed = frame.with_columns(n_tokens=pl.lit(1, pl.Int64))
    assert find_noise(handed, rules, count_tokens=count).height == 0
    assert find_noise(frame, only(params.prompts.rules, empty={}), count_tokens=count).height == 1
    assert len(counted) == 1


def test_a_verifier_can_be_handed_in(params: Params, only: Any) -> None:
    frame = rows("Lyon", "Paris").with_columns(reference=pl.lit("Paris"))
    same = {"same": lambda prompt, reference, completion: completion == reference}
    found = find_noise(frame, only(params.curate_demonstrations.rules, wrong_answer={"verifiers": []}), verifiers=same)
    assert found["row_id"].to_list() == ["000"]


def test_no_rows(params: Params) -> None:
    assert find_noise(rows(), params.curate_demonstrations.rules).height == 0


def test_null_is_empty(params: Params) -> None:
    frame = pl.DataFrame({"row_id": ["a"], "text": [None]}, schema={"row_id": pl.String, "text": pl.String})
    assert find_noise(frame, params.curate_demonstrations.rules)["reason"].to_list() == ["empty"]


@pytest.mark.parametrize(("name", "n_empty", "n_stated"), [("0-3252", 4, 47), ("51009-52002", 1, 13)])
def test_every_empty_output_and_placeholder_input_of_alpaca_is_found(
    name: str, n_empty: int, n_stated: int, public_file: Callable[[str], Any], params: Params
) -> None:
    source = pl.read_json(public_file(f"alpaca/alpaca_en_{name}.json")).with_row_index("row_id")
    source = source.with_columns(pl.col("row_id").cast(pl.String))
    found = find_noise(source.select("row_id", text="output", prompt="instruction"), params.curate_demonstrations.rules)
    empty = source.filter(pl.col("output").str.strip_chars() == "")["row_id"].sort()
    assert found.filter(pl.col("reason") == "empty")["row_id"].equals(empty) and len(empty) == n_empty
    prompts = source.select("row_id", text=pl.col("instruction") + "\n\n" + pl.col("input"))
    found = find_noise(prompts, params.prompts.rules).filter(pl.col("reason") == "placeholder")
    stated = source.filter(pl.col("input").str.contains(r"(?i)^\W*(no ?inputs?|no input required|n/a|nan|none)\W*$"))
    assert set(stated["row_id"]) <= set(found["row_id"]) and stated.height == n_stated
    # and of those found, none is a prompt that says what it wants: its last line stands for an input
    others = source.join(found, on="row_id", how="semi").join(stated, on="row_id", how="anti")
    assert others["input"].str.contains(r"(?i)^[\[<]|noinput$").all()
