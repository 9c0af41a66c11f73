"""Hostile files for every reader: those that must be refused as a whole, and those of which some rows are good."""

import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from format_examples import ALPACA, OASST

GOOD = json.dumps(ALPACA).encode()
LINE = GOOD + b"\n"
CSV = b"instruction,output\nAdd 1 2.,3\n"
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def pack_parquet(rows: Sequence[dict[str, Any]], **how: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None, **how).write_parquet(buffer)
    return buffer.getvalue()


def pack_table(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def pack_bad_text() -> bytes:
    """Three rows, of which the second's output is no UTF-8 although the column says so."""
    bad = pa.StringArray.from_buffers(
        3, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb"),
    )  # fmt: skip
    return pack_table(pa.table({"instruction": ["x", "y", "z"], "output": bad}))


def flip(content: bytes, place: int, count: int = 40) -> bytes:
    return content[:place] + bytes(255 - byte for byte in content[place : place + count]) + content[place + count :]


REFUSED: dict[str, tuple[str, bytes, list[str]]] = {
    # JSON
    "empty": ("f.json", b"", ["is empty"]),
    "blanks": ("f.jsonl", b" \r\n\t\n", ["is empty"]),
    "only a mark": ("f.json", b"\xef\xbb\xbf", ["is empty"]),
    "cut array": ("f.json", b"[" + LINE + b"," + LINE[:20], ["line 2, column", "row 2 begins in line 2"]),
    "array left open": ("f.json", b"[" + LINE, ["line 2, column 1", "the file ends there"]),
    "last comma": ("f.json", b"[" + LINE + b",]", ["line 2, column 1", "comma"]),
    "no comma": ("f.json", b"[" + LINE + LINE + b"]", ["line 2, column 1", "Expecting ','"]),
    "two arrays": ("f.json", b"[" + LINE + b"]\n[" + LINE + b"]", ["line 3, column 1", "Extra data"]),
    "single quotes": ("f.json", b"[{'instruction': 'a'}]", ["line 1, column 3", "double quotes"]),
    "comment": ("f.json", b"[\n// rows\n" + LINE + b"]", ["line 2, column 1"]),
    "control character": ("f.json", b'[{"instruction": "a\x01"}]', ["line 1, column 20", "control character"]),
    "array is latin-1": ("f.json", b'[{"instruction": "caf\xe9"}]', ["line 1, byte 22", "iconv"]),
    "deep array": ("f.json", b"[" * 50_000 + b"]" * 50_000, ["Nested too deeply"]),
    "deep object": ("f.json", b'{\n"a":' * 30_000, ["line 2", "begins in line 1"]),
    "many digits": ("f.json", b'[{"a": ' + b"9" * 5000 + b"}]", ["too many digits"]),
    "no rows": ("f.json", b"[]", ["f.json", "no rows"]),
    "numbers": ("f.json", b"[1, 2, 3]", ["line 1", "not_an_object"]),
    "arrays": ("f.json", b'[["a", "b"], ["c", "d"]]', ["line 1", "not_an_object"]),
    "conflict": ("f.jsonl", b"<<<<<<< HEAD\n" + LINE, ["line 1", "neither rows of JSON"]),
    "web page": ("f.json", b"<!DOCTYPE html>\n<html></html>", ["line 1", "neither rows of JSON"]),
    "not found": ("f.json", b"404: Not Found", ["line 1", "neither rows of JSON"]),
    "api error": ("f.json", b'{"error": {"message": "rate limit", "code": 429}}', ["no format known", "'error'"]),
    "texts": ("f.jsonl", b'"one"\n"two"\n', ["line 1", "neither rows of JSON"]),
    "object spread": ("f.json", b'{\n "rows": 3,\n "cols": 4\n}', ["no format known", "'cols', 'rows'"]),
    "broken object": ("f.json", b'{\n "data": [1, 2,\n}', ["line 3, column 1", "Expecting value"]),
    "several objects": ("f.json", json.dumps(ALPACA, indent=1).encode() * 2, ["line 5", "jq -c"]),
    "all lines bad": ("f.jsonl", LINE[:20] + b"\n" + LINE[:30] + b"\n", ["line 1", "invalid_json", "column"]),
    "all lines latin-1": ("f.jsonl", b'{"instruction": "caf\xe9"}\n' * 3, ["line 1", "not_utf8", "iconv"]),
    "half a line": ("f.jsonl", LINE[:-4], ["line 1", "invalid_json"]),
    # other files
    "utf-16": ("f.json", GOOD.decode().encode("utf-16"), ["line 1", "UTF-16"]),
    "utf-16 without mark": ("f.json", GOOD.decode().encode("utf-16-le"), ["line 1", "UTF-16"]),
    "utf-32": ("f.jsonl", GOOD.decode().encode("utf-32"), ["line 1", "UTF-32"]),
    "zeros": ("f.json", b"\0" * 5000, ["NUL"]),
    "zip": ("f.json", b"PK\x03\x04" + b"\0" * 40, ["a zip archive"]),
    "xz": ("f.jsonl.xz", b"\xfd7zXZ\0", ["an xz file"]),
    "pickle": ("f.json", b"\x80\x04\x95\x10\0", ["a Python pickle"]),
    "database": ("f.csv", b"SQLite format 3\0", ["an SQLite database"]),
    "arrow": ("f.arrow", b"ARROW1\0\0", ["an Arrow file"]),
    "lfs pointer": ("f.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["git lfs pull"]),
    "cut gzip": ("f.jsonl.gz", gzip.compress(LINE * 500)[:-9], ["gzip", "cut short"]),
    "gzip with tail": ("f.jsonl.gz", gzip.compress(LINE) + b"tail", ["gzip", "damaged"]),
    "gzip flipped": ("f.jsonl.gz", flip(gzip.compress(LINE * 500), 30), ["gzip", "damaged"]),
    "gzip of nothing": ("f.jsonl.gz", gzip.compress(b""), ["is empty"]),
    "gzip of gzip": ("f.jsonl.gz", gzip.compress(gzip.compress(LINE)), ["packed twice"]),
    "gzip of zip": ("f.jsonl.gz", gzip.compress(b"PK\x03\x04" + b"\0" * 40), ["a zip archive"]),
    # CSV
    "column twice": ("f.csv", b"instruction,output,output\na,b,c\n", ["line 1", "'output' twice"]),
    "columns without names": ("f.csv", b"\ninstruction,output,,\na,b,c,d\n", ["line 2", "without a name"]),
    "quote left open": ("f.csv", CSV + b'"Add,3\nAdd 2 2.,4\n', ["line 3", "never closes"]),
    "quote broken over lines": ("f.csv", CSV + b'Add,"3\n4"5\nx,y\n', ["line 3", "line 4 breaks"]),
    "header is latin-1": ("f.csv", b"instruction,r\xe9ponse\na,b\n", ["line 1", "not UTF-8"]),
    "header has NUL": ("f.csv", b"instruction,out\0put\na,b\n", ["line 1", "NUL"]),
    "header alone": ("f.csv", b"instruction,output\n", ["f.csv", "no rows"]),
    "unknown columns": ("f.csv", b"question,answer\na,b\n", ["'answer', 'question'", "--map prompt=COLUMN"]),
    "no header": ("f.csv", b"Add 1 2.,3\nAdd 2 2.,4\n", ["no format known"]),
    "every row ragged": ("f.csv", b"instruction,output\na,b,c\na\n", ["line 2", "ragged_row", "3 fields"]),
    "prose": ("f.txt", b"Once upon a time\nthere was a file.\n", ["line 1", "neither rows of JSON"]),
    "csv in utf-16": ("f.csv", CSV.decode().encode("utf-16"), ["UTF-16"]),
    # Parquet
    "parquet mark alone": ("f.parquet", b"PAR1", ["Parquet", "cut short or damaged"]),
    "cut parquet": ("f.parquet", pack_parquet([ALPACA])[:-30], ["Parquet", "cut short or damaged"]),
    "parquet footer": ("f.parquet", flip(pack_parquet([ALPACA] * 9), -120, 60), ["Parquet", "damaged"]),
    "parquet page": ("f.parquet", flip(pack_parquet([ALPACA] * 3000), 8, 60), ["Parquet", "damaged after row 0"]),
    "parquet, no rows": ("f.parquet", pack_table(pa.table({"a": pa.array([], pa.string())})), ["f.parquet", "no rows"]),
    "parquet column twice": (
        "f.parquet",
        pack_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["output", "output"])),
        ["'output' twice"],
    ),
    "parquet of other types": ("f.parquet", pack_parquet([{"instruction": 1, "output": 2.5}]), ["row 1", "wrong_type"]),
}  # fmt: skip
"""Name and content of each file, and words that its error must say."""


def make_lines(*lines: bytes | dict[str, Any]) -> bytes:
    """A good line, those given, and a good line."""
    spelled = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return b"\n".join([GOOD, *spelled, json.dumps({**ALPACA, "output": "three"}).encode()])


ACCOUNTED: dict[str, tuple[str, bytes, list[str], int, dict[str, int]]] = {
    "broken line": ("f.jsonl", make_lines(LINE[:30]), [], 2, {"invalid_json": 1}),
    "first line cut": ("f.jsonl", LINE[:30] + b"\n" + LINE * 2, [], 2, {"invalid_json": 1}),
    "last line cut": ("f.jsonl", LINE + GOOD[:-9], [], 1, {"invalid_json": 1}),
    "latin-1 line": ("f.jsonl", make_lines(b'{"instruction": "caf\xe9", "output": ""}'), [], 2, {"not_utf8": 1}),
    "surrogate in UTF-8": ("f.jsonl", make_lines(b'{"instruction": "\xed\xa0\x80"}'), [], 2, {"not_utf8": 1}),
    "half a surrogate": (
        "f.jsonl", make_lines(b'{"instruction": "\\ud800", "output": "b"}'), [], 2, {"lone_surrogate": 1},
    ),
    "half a surrogate in a key": (
        "f.jsonl", make_lines(b'{"instruction": "a", "output": "b", "\\udfff": 1}'), [], 3, {},
    ),
    "NUL escaped": ("f.jsonl", make_lines({"instruction": "a\0", "output": "b"}), [], 2, {"nul_character": 1}),
    "NUL bare": ("f.jsonl", make_lines(b'{"instruction": "a\0b"}', b"\0\0\0"), [], 2, {"nul_character": 2}),
    "NaN": ("f.jsonl", make_lines(b'{"instruction": "a", "output": NaN}'), [], 2, {"not_json_nan": 1}),
    "infinities": (
        "f.jsonl", make_lines(b'{"instruction": Infinity, "output": ""}', b'{"instruction": "", "output": -Infinity}'),
        [], 2, {"not_json_nan": 2},
    ),
    "missing columns": ("f.jsonl", make_lines({"instruction": "a"}, {}), [], 2, {"missing_column": 2}),
    "mixed types": (
        "f.jsonl", make_lines({**ALPACA, "output": 3}, {**ALPACA, "input": []}, b"7", b'"text"', b"null", b"[]"), [], 2,
        {"wrong_type": 2, "not_an_object": 4},
    ),
    "null values": ("f.jsonl", make_lines({"instruction": None, "output": None}), [], 2, {"wrong_type": 1}),
    "key twice": ("f.jsonl", make_lines(b'{"output": "a", "output": "b"}'), [], 2, {"repeated_key": 1}),
    "deep line": ("f.jsonl", make_lines(b'{"a": ' + b"[" * 50_000), [], 2, {"invalid_json": 1}),
    "huge number": ("f.jsonl", make_lines(b'{"a": ' + b"1" * 9_000 + b"}"), [], 2, {"invalid_json": 1}),
    "two objects a line": ("f.jsonl", make_lines(GOOD + GOOD), [], 2, {"invalid_json": 1}),
    "line of many megabytes": ("f.jsonl", make_lines({**ALPACA, "output": "x" * 50_000_000}), [], 3, {}),
    "bad line of many megabytes": ("f.jsonl", make_lines(b'{"a": "' + b"x" * 20_000_000), [], 2, {"invalid_json": 1}),
    "carriage returns": ("f.jsonl", make_lines().replace(b"\n", b"\r"), [], 2, {}),
    "line separators in text": ("f.jsonl", make_lines({**ALPACA, "output": "a\u2028b\x0bc\x85"}), [], 3, {}),
    "mark and blank lines": ("f.jsonl", b"\xef\xbb\xbf\n\r\n" + make_lines(b"", b"  "), [], 2, {}),
    "odd keys": ("f.jsonl", make_lines({**ALPACA, "": 1, "a\nb": 2, "x" * 9_999: 3}), [], 3, {}),
    "one object over lines": ("f.json", json.dumps(ALPACA, indent=2).encode(), [], 1, {}),
    "array of several kinds": ("f.json", b"[" + GOOD + b', 7, null, "x", {}]', ["--as", "alpaca"], 1,
                               {"not_an_object": 3, "missing_column": 1}),
    "ragged rows": ("f.csv", CSV + b"a\n1,2,3\nb,c\n", [], 2, {"ragged_row": 2}),
    "header again": ("f.csv", CSV + CSV, [], 2, {"repeated_header": 1}),
    "csv with mark, CR line ends": ("f.csv", b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r"), [], 1, {}),
    "csv row is latin-1": ("f.csv", CSV + b"caf\xe9,2\n", [], 1, {"not_utf8": 1}),
    "csv row has NUL": ("f.csv", CSV + b"a\0,2\n", [], 1, {"nul_character": 1}),
    "csv quotes": ("f.csv", CSV + b'"a" b,2\n"c ""d""\n",4\n', [], 2, {"broken_quotes": 1}),
    "csv with a long cell": ("f.csv", CSV + b"a," + b"x" * 5_000_000 + b"\n", [], 2, {}),
    "tsv with plain quotes": ("f.tsv", b'instruction\toutput\n"Yes" or no?\tyes\n"Oh\tno\n', [], 2, {}),
    "csv with an index": ("f.csv", b",instruction,output\n0,a,b\n", [], 1, {}),
    "parquet with bad text": ("f.parquet", pack_bad_text(), [], 2, {"not_utf8": 1}),
    "parquet with nulls": (
        "f.parquet", pack_parquet([ALPACA, {"instruction": "a", "output": None}]), [], 1, {"wrong_type": 1},
    ),
    "parquet with bytes": (
        "f.parquet", pack_parquet([{**ALPACA, "image": b"\xff\xd8"}, {**ALPACA, "output": "four"}]), [], 2, {},
    ),
    "gzipped parquet": ("f.parquet.gz", gzip.compress(pack_parquet([ALPACA])), [], 1, {}),
    "messages that are none": (
        "f.jsonl",
        b"\n".join(
            json.dumps({"messages": messages}).encode()
            for messages in (
                TALK, "Hi", [], [7], [{"role": "pirate", "content": ""}], [{"role": "user"}], TALK[1:], [*TALK, None],
                [{"role": "user", "content": [{"type": "image_url"}]}],
            )
        ),
        ["--as", "openai"], 1,
        {"wrong_type": 3, "no_message": 1, "unknown_role": 1, "not_a_record": 1, "nothing_to_imitate": 1,
         "unsupported_modality": 1},
    ),
    "trees that are none": (
        "f.jsonl",
        b"\n".join(
            json.dumps(tree).encode()
            for tree in (
                OASST, {**OASST, "prompt": None}, {**OASST, "prompt": {"message_id": "x"}},
                {"message_id": "r", "parent_id": "r", "role": "prompter", "text": "Hi"},
            )
        ),
        ["--as", "oasst"], 1, {"missing_column": 2, "nested_too_deeply": 1},
    ),
    "mapped rows of other types": (
        "f.jsonl", b'{"q": "a", "c": "b"}\n{"q": 7, "c": "b"}\n{"q": [], "c": "b"}\n{"c": {}}\n',
        ["--map", "prompt=q", "--map", "completion=c"], 1, {"wrong_type": 1, "no_message": 1, "missing_column": 1},
    ),
}  # fmt: skip
"""Name, content and options of each file, the rows kept, and the rows quarantined by reason."""
