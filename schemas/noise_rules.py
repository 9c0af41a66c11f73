"""Mirrors the noise rules of params.yaml: a switch and the thresholds of each."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.sections import AtLeastOne, Count, Section, Share


class Rule(Section):
    """A rule that is on or off; every rule of curation is one of these."""

    enabled: bool


class MinCharacters(Rule):
    """Drops what has fewer characters."""

    min_characters: Count


class MaxCharacters(Rule):
    """Drops what has more characters (of the kind the rule counts)."""

    max_characters: Count


class MinTokens(Rule):
    """Drops what has fewer tokens of the run's tokenizer."""

    min_tokens: Count


class MaxTokens(Rule):
    """Drops what has more tokens of the run's tokenizer."""

    max_tokens: Count


class MinWords(Rule):
    """Drops what has fewer words."""

    min_words: Count


class MaxWords(Rule):
    """Drops what has more words."""

    max_words: Count


class MaxSequences(Rule):
    """Drops what holds more faulty sequences."""

    max_sequences: Count


class MaxRatio(Rule):
    """Drops where a share is above the ratio; texts with fewer characters are not judged."""

    max_ratio: Share
    min_characters: Count


class MaxWordRatio(Rule):
    """Drops where a share of words is above the ratio; texts with fewer words are not judged."""

    max_ratio: Share
    min_words: AtLeastOne


class MinWordRatio(Rule):
    """Drops where a share of words is below the ratio; texts with fewer words are not judged."""

    min_ratio: Share
    min_words: AtLeastOne


class MeanWordLength(Rule):
    """Drops where the mean characters of a word are outside the limits; texts with fewer words are not judged."""

    min_characters: Count
    max_characters: Count
    min_words: AtLeastOne


class StopWords(Rule):
    """Drops what has fewer different words of a list; texts with fewer words are not judged."""

    stop_words: Annotated[list[str], Field(max_length=64)]
    min_stop_words: AtLeastOne
    min_words: AtLeastOne


class RepeatedPattern(Rule):
    """Whole text is one unit, repeated more often; shorter texts are not judged."""

    max_repeats: AtLeastOne
    min_characters: AtLeastOne


class LineRatio(Rule):
    """Drops where a share of lines is above the ratio; texts with fewer lines are not judged."""

    max_ratio: Share
    min_lines: AtLeastOne


class ParagraphRatio(Rule):
    """Drops where a share of paragraphs is above the ratio; texts with fewer paragraphs are not judged."""

    max_ratio: Share
    min_paragraphs: AtLeastOne


class MinSentences(Rule):
    """Drops what has fewer sentences."""

    min_sentences: AtLeastOne


class RepeatedWords(Rule):
    """Share of characters in repeated word n-grams, a limit for each n; shorter texts are not judged."""

    max_ratios: dict[AtLeastOne, Share]
    min_words: AtLeastOne


class Language(Rule):
    """Languages welcome; a text too short or a guess too unsure is undetermined and stays."""

    languages: list[str]
    min_characters: AtLeastOne
    min_probability: Share


class PersonalData(Rule):
    """Which kinds of personal data drop a row."""

    kinds: list[Literal["email", "phone", "iban", "card", "ssn", "national_id", "ip", "mac", "secret"]]


class PromptEchoed(Rule):
    """Completion that opens with its prompt; prompts with fewer words are not judged."""

    min_ratio: Share
    min_words: AtLeastOne


class UnfinishedSentence(Rule):
    """Words after the last end of a sentence, in texts that have ended as many sentences before."""

    max_words: Count
    min_sentences: AtLeastOne


class WrongAnswer(Rule):
    """Which verifiers judge a completion's final answer, and whose demonstrations are the answers known to be right.

    A reference source is a source, or a format whose files are all right.
    """

    verifiers: list[Literal["arithmetic", "calculator", "number", "choice"]]
    reference_sources: list[str]


class MaxRouge(Rule):
    """Drops what is more alike than this by ROUGE-L to a row accepted before it; rows of seed sources come first.

    A seed source is a source, or a format whose files are all seeds.
    """

    max_rouge: Share
    seed_sources: list[str]


class TextRules(Section):
    """Noise rules of any text; the field's name is the reason in the ledger."""

    empty: Rule
    too_short: MinCharacters
    too_long: MaxCharacters
    too_few_tokens: MinTokens
    too_many_tokens: MaxTokens
    too_few_words: MinWords
    too_many_words: MaxWords
    mean_word_length: MeanWordLength
    symbol_words: MaxWordRatio
    alphabetic_words: MinWordRatio
    stop_words: StopWords
    bullet_lines: LineRatio
    ellipsis_lines: LineRatio
    placeholder: Rule
    keyboard_mash: MaxWordRatio
    mojibake: MaxSequences
    unprintable: MaxCharacters
    symbol_share: MaxRatio
    url_share: MaxRatio
    bare_link: Rule
    long_word: MaxCharacters
    repeated_characters: MaxCharacters
    repeated_pattern: RepeatedPattern
    repeated_lines: LineRatio
    repeated_line_characters: LineRatio
    repeated_paragraphs: ParagraphRatio
    repeated_paragraph_characters: ParagraphRatio
    repeated_phrases: RepeatedWords
    repeated_passages: RepeatedWords
    lorem_ipsum: Rule
    curly_bracket: Rule
    web_boilerplate: LineRatio
    too_few_sentences: MinSentences
    language: Language
    personal_data: PersonalData
    unbalanced_code_fence: Rule
    leaked_markers: Rule


class PromptRules(TextRules):
    """Noise rules of prompts."""

    unsupported_request: Rule
    program_request: Rule
    opens_with_punctuation: Rule
    opens_with_non_ascii: Rule
    trailing_colon: Rule
    similar_prompt: MaxRouge
    exact_duplicate: Rule
    near_duplicate: Rule
    bridges_splits: Rule
    vanished_at_source: Rule


class CompletionRules(TextRules):
    """Noise rules of completions, judged beside their prompt."""

    prompt_echoed: PromptEchoed
    input_copied: Rule
    assistant_boilerplate: Rule
    refusal: Rule
    truncated: Rule
    unfinished_sentence: UnfinishedSentence
    trailing_colon: Rule
    wrong_answer: WrongAnswer
