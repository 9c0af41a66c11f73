"""Compiled loops over Arrow string buffers: characters by class, words, lines and paragraphs of each text.

Importing this module imports numba; import it inside functions. Loops take a range of rows: see `kernels.run_rows`.
"""

import unicodedata
from functools import cache

import numpy as np
from numba import njit

from curation.kernels import mix_bits

LETTER, WORD_PART, BLANK, COMMON, INVISIBLE, UNPRINTABLE = 1, 2, 4, 8, 16, 32
_COMMON = ".,;:'\"()[]{}-"
_INVISIBLE = (0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF)
_CLASSIFIED = 0x32000  # planes 0 to 3; above are only private use, tags and the like

# Columns of what the loops write
VISIBLE, SOLID, SYMBOLS, UNPRINTABLES = range(4)
WORDS, WORD_CHARACTERS, ALL_WORDS, ALPHABETIC, HASHES, ELLIPSES, STOPS = range(7)
LINES, LINE_CHARACTERS, REPEATED, REPEATED_CHARACTERS, BULLETS, TRAILING, SENTENCES = range(7)
PARAGRAPHS, PARAGRAPH_CHARACTERS, REPEATED_PARAGRAPHS, REPEATED_PARAGRAPH_CHARACTERS = range(7, 11)


@cache
def classify_characters() -> np.ndarray:
    """Flags of each code point: letter, part of a word (letter, mark, number), blank, common punctuation and so on."""
    flags = np.zeros(_CLASSIFIED, np.uint8)
    for code in range(_CLASSIFIED):
        category = unicodedata.category(chr(code))
        if category[0] in "LMN":
            flags[code] = WORD_PART | (LETTER if category[0] == "L" else 0)
        elif category[0] == "Z" or 0x09 <= code <= 0x0D or code == 0x85:
            flags[code] = BLANK
        elif category in ("Cc", "Co") or 0xFDD0 <= code <= 0xFDEF or code in (0xFFFD, 0xFFFE, 0xFFFF):
            flags[code] = UNPRINTABLE
    flags[0x0B] |= UNPRINTABLE  # the vertical tab is both
    flags[[ord(c) for c in _COMMON]] |= COMMON
    flags[list(_INVISIBLE)] |= INVISIBLE
    return flags


@njit(cache=True, inline="always")
def _read_character(data, i):  # type: ignore[no-untyped-def]
    """Code point at byte i of valid UTF-8, and its bytes."""
    c = np.int64(data[i])
    if c < 0x80:
        return c, 1
    if c < 0xE0:
        return (c & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if c < 0xF0:
        return (c & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (c & 0x07) << 18 | np.int64(data[i + 1] & 0x3F) << 12
    return high | np.int64(data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@njit(cache=True, inline="always")
def _flag(flags, code):  # type: ignore[no-untyped-def]
    return flags[code] if code < len(flags) else np.uint8(0)


@njit(cache=True, nogil=True)
def count_characters(first, last, data, offsets, flags, counts):  # type: ignore[no-untyped-def]
    """Write for each row: visible, not blank, symbols (no part of a word, no common punctuation), unprintable."""
    for row in range(first, last):
        i, end = offsets[row], offsets[row + 1]
        while i < end:
            code, size = _read_character(data, i)
            flag = _flag(flags, code)
            i += size
            counts[row, UNPRINTABLES] += (flag & UNPRINTABLE) != 0
            if flag & BLANK:
                continue
            counts[row, SOLID] += 1
            counts[row, VISIBLE] += (flag & INVISIBLE) == 0
            counts[row, SYMBOLS] += (flag & (WORD_PART | COMMON)) == 0


@njit(cache=True)
def hash_word(data, begin, end):  # type: ignore[no-untyped-def]
    """64-bit hash of a word's bytes, ASCII capitals as small letters."""
    h = np.uint64(end - begin)
    for i in range(begin, end):
        c = data[i]
        c += 32 if 0x41 <= c <= 0x5A else 0
        h = (h ^ np.uint64(c)) * np.uint64(0x9E3779B97F4A7C15)
    return mix_bits(h)


@njit(cache=True, nogil=True)
def count_words(first, last, data, offsets, flags, stops, counts):  # type: ignore[no-untyped-def]
    """Write for each row: words (runs between blanks) with a letter or digit, their letters and digits, all words,
    words with a letter, hash signs, ellipses, and how many of the (at most 64) stop words occur."""
    for row in range(first, last):
        i, end = offsets[row], offsets[row + 1]
        solid, parts, letters, letters_from, dots, met = False, 0, 0, end, 0, np.uint64(0)
        while i <= end:
            code, size, flag = np.int64(0x20), 1, np.uint8(BLANK)
            if i < end:
                code, size = _read_character(data, i)
                flag = _flag(flags, code)
            if flag & LETTER:
                letters_from = min(letters_from, i)
                letters += 1
            elif letters_from < i:
                met |= _find_stop(data, letters_from, i, stops)
                letters_from = end
            parts += (flag & WORD_PART) != 0
            dots = dots + 1 if code == 0x2E else 0
            counts[row, HASHES] += code == 0x23
            counts[row, ELLIPSES] += code == 0x2026 or (dots > 0 and dots % 3 == 0)
            if flag & BLANK:
                counts[row, ALL_WORDS] += solid
                counts[row, WORDS] += parts > 0
                counts[row, WORD_CHARACTERS] += parts
                counts[row, ALPHABETIC] += letters > 0
                solid, parts, letters = False, 0, 0
            else:
                solid = True
            i += size
        while met:
            counts[row, STOPS] += 1
            met &= met - np.uint64(1)


@njit(cache=True, inline="always")
def _find_stop(data, begin, end, stops):  # type: ignore[no-untyped-def]
    """The bit of a stop word, 0 for any other word."""
    h = hash_word(data, begin, end)
    for k in range(len(stops)):
        if stops[k] == h:
            return np.uint64(1) << np.uint64(k)
    return np.uint64(0)


@njit(cache=True, nogil=True)
def count_lines(first, last, data, offsets, flags, counts):  # type: ignore[no-untyped-def]
    """Write for each row its lines that are not blank: how many, characters, repeats of an earlier one, bullets, ends
    in an ellipsis, sentences of lines that end as prose does; and the same of paragraphs, between blank lines."""
    for row in range(first, last):
        i, end = offsets[row], offsets[row + 1]
        most = 1
        for k in range(i, end):
            most += data[k] == 0x0A
        lines, sizes = np.empty(most, np.uint64), np.empty(most, np.int64)
        paragraphs, widths = np.empty(most, np.uint64), np.zeros(most, np.int64)
        n, n_paragraphs, open_ = 0, 0, False
        while i <= end:
            begin, stop, size, words, sentences, i = _read_line(data, i, end, flags)
            if size == 0:
                open_ = False
                continue
            lines[n], sizes[n] = hash_word(data, begin, stop), size
            if not open_:
                paragraphs[n_paragraphs], open_ = np.uint64(0), True
                n_paragraphs += 1
            paragraphs[n_paragraphs - 1] = mix_bits(paragraphs[n_paragraphs - 1] ^ lines[n])
            widths[n_paragraphs - 1] += size
            n += 1
            counts[row, BULLETS] += _is_bullet(data, begin, stop)
            trails = _ends_in_ellipsis(data, begin, stop)
            counts[row, TRAILING] += trails
            if words >= 3 and not trails and _ends_sentence(data, stop):
                counts[row, SENTENCES] += max(sentences, 1)
        counts[row, LINES], counts[row, LINE_CHARACTERS] = n, sizes[:n].sum()
        counts[row, REPEATED], counts[row, REPEATED_CHARACTERS] = _count_repeats(lines[:n], sizes[:n])
        counts[row, PARAGRAPHS], counts[row, PARAGRAPH_CHARACTERS] = n_paragraphs, sizes[:n].sum()
        counts[row, REPEATED_PARAGRAPHS], counts[row, REPEATED_PARAGRAPH_CHARACTERS] = _count_repeats(
            paragraphs[:n_paragraphs], widths[:n_paragraphs]
        )


@njit(cache=True)
def _read_line(data, i, end, flags):  # type: ignore[no-untyped-def]
    """First byte, end without trailing blanks, characters, words and sentence ends of the line at i, and what follows.

    A sentence ends with `.`, `!` or `?`, then any closing quotes and brackets, then a blank or the line's end.
    """
    begin, stop, size, blanks, words, sentences = i, i, 0, 0, 0, 0
    inside, ending = False, False
    while i < end and data[i] != 0x0A:
        code, width = _read_character(data, i)
        if _flag(flags, code) & BLANK:
            sentences += ending
            inside, ending = False, False
            blanks += size > 0
        else:
            if size == 0:
                begin = i
            size += 1 + blanks
            words += not inside
            inside, blanks, stop = True, 0, i + width
            if code == 0x2E or code == 0x21 or code == 0x3F:
                ending = True
            elif ending and not (code == 0x22 or code == 0x27 or code == 0x29 or code == 0x2019 or code == 0x201D):
                ending = False
        i += width
    return begin, stop, size, words, sentences + ending, i + 1


@njit(cache=True)
def _is_bullet(data, begin, stop):  # type: ignore[no-untyped-def]
    """Opens with a hyphen or a bullet, or with an asterisk and a blank."""
    if data[begin] == 0x2D:
        return True
    if data[begin] == 0x2A:
        return begin + 1 < stop and data[begin + 1] == 0x20
    return stop - begin >= 3 and data[begin] == 0xE2 and data[begin + 1] == 0x80 and data[begin + 2] == 0xA2


@njit(cache=True)
def _ends_in_ellipsis(data, begin, stop):  # type: ignore[no-untyped-def]
    if stop - begin < 3:
        return False
    a, b, c = data[stop - 3], data[stop - 2], data[stop - 1]
    return (a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@njit(cache=True)
def _ends_sentence(data, stop):  # type: ignore[no-untyped-def]
    """C4's terminal punctuation: . ! ? and quotes, straight or curly."""
    c = data[stop - 1]
    if c == 0x2E or c == 0x21 or c == 0x3F or c == 0x22 or c == 0x27:
        return True
    return stop >= 3 and data[stop - 3] == 0xE2 and data[stop - 2] == 0x80 and (c == 0x9D or c == 0x99)


@njit(cache=True)
def _count_repeats(hashes, sizes):  # type: ignore[no-untyped-def]
    """How many equal an earlier one, and their sizes together."""
    n, covered = 0, 0
    if len(hashes) < 2:
        return n, covered
    order = np.argsort(hashes)
    for k in range(1, len(order)):
        if hashes[order[k]] == hashes[order[k - 1]]:
            n += 1
            covered += sizes[order[k]]
    return n, covered
