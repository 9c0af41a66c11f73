"""Puts one fault of each noise rule into clean texts: for tests of recall and for benchmarks.

A fault is a function of a clean text (prose of about 60 to 150 words) and a random generator; it gives the columns of a
row that breaks the rule of its name, the text among them.
"""

import random
import re
from collections.abc import Callable
from typing import Any

from pipelines.sandbox.documents import write_documents
from schemas.params import Sandbox

Row = dict[str, Any]
Fault = Callable[[str, random.Random], Row]

GERMAN = (
    "Gestern ging der alte Bauer mit seinem Hund über die Wiese zum Fluss.",
    "Dort wartete schon seine Schwester auf ihn.",
    "Sie hatten sich seit dem letzten Sommer nicht mehr gesehen.", "Am Abend saßen alle zusammen in der warmen Küche.",
)  # fmt: skip
FRENCH = (
    "Hier, le vieux fermier est allé au bord de la rivière avec son chien.",
    "Sa sœur l'attendait déjà depuis longtemps.",
    "Ils ne s'étaient pas vus depuis l'été dernier.", "Le soir, tout le monde était assis dans la cuisine.",
)  # fmt: skip
RUSSIAN = (
    "Вчера старый крестьянин пошёл со своей собакой к реке.", "Там его уже давно ждала сестра.",
    "Они не виделись с прошлого лета.", "Вечером все сидели вместе на тёплой кухне.",
)  # fmt: skip


STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
_SENTENCE = r"(?:(?<=[.!?] )|^)[A-Z][a-z ,']{15,}[.!?](?= |$)"
_UNFIT = r"(?i)\b(?:(?:draw|plot|map|file|picture|graph|image)s?|go to)\b"


def write_clean(params: Sandbox, n: int, *, n_words: int = 90, seed: int = 1) -> list[str]:
    """n clean texts of about n_words words in paragraphs, of sentences that the sandbox's flawless writers say.

    Sentences of a text have no three words in a row in common; none has a digit or a word of self-instruct's blacklist.
    """
    rng = random.Random(f"clean/{seed}")
    documents = write_documents(params.model_copy(update={"form_flaw_share": 0.0}))
    said = {s for text in documents if "<|" not in text for s in re.findall(_SENTENCE, text)}
    fit = sorted(s for s in said if not re.search(_UNFIT, s))
    return [_write_text(fit, n_words, rng) for _ in range(n)]


def _write_text(sentences: list[str], n_words: int, rng: random.Random) -> str:
    chosen: list[str] = []
    triples: set[tuple[str, ...]] = set()
    words: list[str] = []
    while len(words) < n_words or len(STOP_WORDS & set(words)) < 2:
        sentence = rng.choice(sentences)
        its = re.findall(r"[\w']+", sentence.lower())
        new = {tuple(its[i : i + 3]) for i in range(len(its) - 2)}
        if triples & new:
            continue
        chosen.append(sentence)
        triples |= new
        words += its
    ends = ["\n\n" if i % 4 == 3 else " " for i in range(len(chosen))]
    return "".join(s + end for s, end in zip(chosen, ends, strict=True)).strip()


def _insert(text: str, piece: str, rng: random.Random) -> Row:
    """The piece between two words."""
    words = text.split(" ")
    at = rng.randrange(1, len(words))
    return {"text": " ".join([*words[:at], piece, *words[at:]])}


def _words(text: str, rng: random.Random, n: int) -> list[str]:
    words = [word.strip(".,;:!?\"'()-") for word in text.split()]
    return rng.sample([word for word in words if word.isalpha()], n)


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _complete(number: str, is_valid: Callable[[str], bool]) -> str:
    """The number with the last two digits that make it valid."""
    return next(number[:-2] + f"{last:02}" for last in range(100) if is_valid(number[:-2] + f"{last:02}"))


def _write_personal(text: str, rng: random.Random) -> Row:
    from stdnum import iban, luhn
    from stdnum.br import cpf

    area, exchange = f"{rng.randint(2, 9)}{_digits(rng, 2)}", f"{rng.randint(2, 4)}{_digits(rng, 2)}"
    name = "".join(_words(text, rng, 2)).lower()
    card = f"4{_digits(rng, 14)}"
    card += luhn.calc_check_digit(card)
    account = f"DE00{_digits(rng, 18)}"
    account = f"DE{iban.calc_check_digits(account)}{account[4:]}"
    person = f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"
    brazilian = _complete(_digits(rng, 9) + "00", cpf.is_valid)
    pieces = [
        f"{name}{_digits(rng, 2)}@gmail.com", f"({area}) {exchange}-{rng.randint(2000, 9999)}",
        f"+44 20 7{_digits(rng, 3)} {rng.randint(2000, 9999)}",
        f"call me at {area} {exchange} {rng.randint(2000, 9999)}",
        " ".join(card[i : i + 4] for i in range(0, 16, 4)), card, account, person,
        " ".join(account[i : i + 4] for i in range(0, 22, 4)),
        f"{rng.randint(60, 99)}.{rng.randint(20, 250)}.{rng.randint(20, 250)}.{rng.randint(1, 250)}",
        ":".join(f"{rng.randrange(256):02x}" for _ in range(6)),
        f"{brazilian[:3]}.{brazilian[3:6]}.{brazilian[6:9]}-{brazilian[9:]}",
        "sk-" + "".join(rng.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(32)),
    ]  # fmt: skip
    return _insert(text, rng.choice(pieces), rng)


def _write_mojibake(text: str, rng: random.Random) -> Row:
    piece = rng.choice(["it’s", "café", "“quoted”", "naïve", "über", "señor", "100 €", "one — two", "déjà vu"])
    return _insert(text, piece.encode().decode("cp1252", errors="replace").replace("\ufffd", "\x9d"), rng)


def _write_mash(text: str, rng: random.Random) -> Row:
    return {
        "text": " ".join(
            rng.choice(["asdf", "hjkl", "qwrt", "zxcv", "dfgh", "sdfgsdf"]) for _ in range(rng.randint(2, 9))
        )
    }


def _write_language(text: str, rng: random.Random) -> Row:
    sentences = rng.choice([GERMAN, FRENCH, RUSSIAN])
    return {"text": " ".join(rng.choices(sentences, k=rng.randint(3, 8)))}


def _repeat_lines(text: str, rng: random.Random) -> Row:
    lines = [" ".join(_words(text, rng, 5)) for _ in range(4)]
    return {"text": "\n".join([*lines, *rng.choices(lines, k=rng.randint(3, 6))])}


def _repeat_paragraphs(text: str, rng: random.Random) -> Row:
    parts = [" ".join(_words(text, rng, 8)) + "\n" + " ".join(_words(text, rng, 8)) for _ in range(3)]
    return {"text": "\n\n".join([*parts, *rng.choices(parts, k=rng.randint(2, 4))])}


def _repeat_phrase(text: str, rng: random.Random) -> Row:
    phrase = " ".join(_words(text, rng, rng.randint(2, 4)))
    return {"text": " ".join([*_words(text, rng, 10), *[phrase] * rng.randint(12, 20)])}


def _repeat_passage(text: str, rng: random.Random) -> Row:
    return {"text": text + "\n\n" + " ".join(text.split()[: rng.randint(30, 60)])}


def _damage_fence(text: str, rng: random.Random) -> Row:
    code = f"x = {rng.randint(1, 99)}\nprint(x)"
    whole, open_ = f"```python\n{code}\n```\n", [f"```python\n{code}", f"```\n{code}```", f"{code}\n```"]
    swapped = [f"```\n{code}\n~~~", f"````\n{code}\n```", f"{whole}{whole}```"]
    return {"text": f"{text}\n\n{rng.choice(open_ + swapped)}\n"}


def _echo(text: str, rng: random.Random) -> Row:
    prompt = " ".join(_words(text, rng, 12)).capitalize() + "?"
    tail = rng.choice(["", "\n" + " ".join(_words(text, rng, 9)) + "."])
    return {"prompt": prompt, "text": rng.choice([prompt, prompt.lower(), "  " + prompt]) + tail}


def _cut(text: str, rng: random.Random) -> Row:
    words = " ".join(_words(text, rng, 12))
    ends = [words + " and the", words + ",", words + " (", words + " som-", words + " because"]
    return rng.choice([{"text": text, "finish_reason": "length"}, {"text": rng.choice(ends)}])


def _cut_sentence(text: str, rng: random.Random) -> Row:
    sentences = [" ".join(_words(text, rng, rng.randint(4, 9))).capitalize() + "." for _ in range(4)]
    return {"text": " ".join([*sentences, " ".join(_words(text, rng, rng.randint(1, 7)))])}


def _answer_wrongly(text: str, rng: random.Random) -> Row:
    a, b, off = rng.randint(2, 99), rng.randint(2, 99), rng.choice([-10, -2, -1, 1, 2, 10])
    kind = rng.randrange(4)
    if kind == 0:
        return {"prompt": f"What is {a} + {b}?", "text": f"{a} + {b} is {a + b + off}."}
    if kind == 1:
        return {"text": f"She has {a} times {b}, <<{a}*{b}={a * b + off}>>{a * b + off} in all."}
    if kind == 2:
        return {"text": f"{text}\n#### {a * b + off}", "reference": f"So it is.\n#### {a * b}"}
    right, wrong = rng.sample("ABCD", 2)
    return {"text": f"The answer is ({wrong}).", "reference": right}


def _share_symbols(text: str, rng: random.Random) -> Row:
    return {"text": " ".join("".join(rng.choice("@#$%^&*=~|<>/+") for _ in range(9)) for _ in range(5)) + " ok"}


def _write_bullets(text: str, rng: random.Random) -> Row:
    return {
        "text": "\n".join(f"{rng.choice('-•')} {' '.join(_words(text, rng, 4))}" for _ in range(rng.randint(4, 12)))
    }


def _trail_off(text: str, rng: random.Random) -> Row:
    ends = [rng.choice(["...", "…", "... "]) for _ in range(4)] + [".", "."]
    rng.shuffle(ends)
    return {"text": "\n".join(" ".join(_words(text, rng, 6)) + end for end in ends)}


def _boilerplate(text: str, rng: random.Random) -> Row:
    lines = (
        "Please enable JavaScript to go on",
        "This site uses cookies",
        "Read our Privacy Policy",
        "All rights reserved",
    )
    return {"text": text.split("\n")[0] + "\n" + rng.choice(lines) + rng.choice(["", "."])}


FAULTS: dict[str, Fault] = {
    "empty": lambda text, rng: {"text": "".join(rng.choices(" \n\t\u200b\ufeff\u00a0", k=rng.randrange(6)))},
    "too_short": lambda text, rng: {"text": rng.choice(["", " "]) + rng.choice("abcxyz189?") + rng.choice(["", "\n"])},
    "too_long": lambda text, rng: {"text": (text + "\n\n") * (20_000 // len(text) + 1)},
    "too_few_tokens": lambda text, rng: {"text": text.split()[0], "n_tokens": 1},
    "too_many_tokens": lambda text, rng: {"text": text, "n_tokens": rng.randint(8_193, 99_999)},
    "too_few_words": lambda text, rng: {"text": " ".join(_words(text, rng, rng.randint(1, 20)))},
    "too_many_words": lambda text, rng: {"text": "a " * rng.randint(100_001, 100_100)},
    "mean_word_length": lambda text, rng: {"text": " ".join(
        [rng.choice(["a", "to", "I"]) for _ in range(80)] if rng.random() < 0.5
        else ["".join(_words(text, rng, 4)) for _ in range(60)])},
    "symbol_words": lambda text, rng: {"text": " ".join(
        word + (rng.choice(["...", "…"]) if i % 5 == 0 else "") for i, word in enumerate(text.split()))
        if rng.random() < 0.5 else " ".join(f"#{word}" if i % 5 == 0 else word for i, word in enumerate(text.split()))},
    "alphabetic_words": lambda text, rng: {"text": " ".join(
        f"{word} {rng.randint(1, 9)} +" for word in text.split())},
    "stop_words": lambda text, rng: {"text": " ".join(
        word for word in (w.strip(".,!?") for w in text.split() * 3)
        if word.lower() not in STOP_WORDS)},
    "bullet_lines": _write_bullets,
    "ellipsis_lines": _trail_off,
    "placeholder": lambda text, rng: {"text": rng.choice(["", "Summarise this text.\n\n"]) + rng.choice(
        ["Noinput", "<noinput>", "No input", "N/A", "n/a", "NaN", "No input needed", "<No Input>"])},
    "keyboard_mash": _write_mash,
    "mojibake": _write_mojibake,
    "unprintable": lambda text, rng: _insert(text, rng.choice("\x00\x08\x1b\ufffd\x7f\ue000"), rng),
    "symbol_share": _share_symbols,
    "url_share": lambda text, rng: {"text": f"See https://www.site.org/{'/'.join(_words(text, rng, 6))}"},
    "bare_link": lambda text, rng: {"text": rng.choice(["", "Summarise this article.\n\n", "Read it:\n"])
        + rng.choice(["https://", "http://", "www."]) + f"{_words(text, rng, 1)[0]}.com/{_digits(rng, 5)}"},
    "long_word": lambda text, rng: _insert(text, "".join(rng.choices("abcDEF012345+/", k=rng.randint(201, 400))), rng),
    "repeated_characters": lambda text, rng: _insert(text, rng.choice("a!=.-_0") * rng.randint(101, 300), rng),
    "repeated_pattern": lambda text, rng: {"text": " ".join([" ".join(_words(text, rng, 2))] * rng.randint(5, 12))},
    "repeated_lines": _repeat_lines,
    "repeated_line_characters": _repeat_lines,
    "repeated_paragraphs": _repeat_paragraphs,
    "repeated_paragraph_characters": _repeat_paragraphs,
    "repeated_phrases": _repeat_phrase,
    "repeated_passages": _repeat_passage,
    "lorem_ipsum": lambda text, rng: _insert(text, rng.choice(["lorem ipsum", "Lorem ipsum dolor sit amet,"]), rng),
    "curly_bracket": lambda text, rng: _insert(text, rng.choice(["{", "{x}", "{{name}}"]), rng),
    "web_boilerplate": _boilerplate,
    "too_few_sentences": lambda text, rng: {"text": " ".join(_words(text, rng, 12)) + rng.choice(["", ".", "!"])},
    "language": _write_language,
    "personal_data": _write_personal,
    "unbalanced_code_fence": _damage_fence,
    "leaked_markers": lambda text, rng: _insert(text, rng.choice(
        ["<|user|>", "<|im_start|>", "[INST]", "</s>", "<<SYS>>", "\n\nHuman: and", "\n### Response:", "<eos>"]), rng),
    "unsupported_request": lambda text, rng: _insert(text, rng.choice(
        ["image", "Graph", "pictures", "file", "maps", "go to"]), rng),
    "program_request": lambda text, rng: {"text": f"Write a program that {' '.join(_words(text, rng, 5))}."},
    "opens_with_punctuation": lambda text, rng: {"text": rng.choice(["- ", "(", '"', "*", "#", ". "]) + text},
    "opens_with_non_ascii": lambda text, rng: {"text": rng.choice("«Éß今“") + text},
    "prompt_echoed": _echo,
    "input_copied": lambda text, rng: {
        "prompt": f"Correct the grammar.\n\n{text}", "text": rng.choice([text, text.lower()])},
    "assistant_boilerplate": lambda text, rng: {"text": rng.choice(
        ["As an AI language model, ", "I'm just an AI. ", "As a large language model ", "My knowledge cutoff is old. ",
         "I was trained by OpenAI. ", "I don't have personal opinions. "]) + text},
    "refusal": lambda text, rng: {"text": rng.choice(
        ["I'm sorry, but I can't help with that.", "I cannot assist with this.", "Sorry, I am unable to do that.",
         "I apologize, but I cannot say.", "I can’t help you."]) + rng.choice(["", " " + text])},
    "truncated": _cut,
    "unfinished_sentence": _cut_sentence,
    "trailing_colon": lambda text, rng: {"text": text[:-1] + rng.choice([":", ": ", ":\n"])},
    "wrong_answer": _answer_wrongly,
}  # fmt: skip
"""By the reason of the rule that each one breaks."""
