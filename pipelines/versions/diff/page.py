"""Turns a diff into one HTML page that opens offline; every text is escaped, and no script may run."""

from html import escape
from pathlib import Path

from pipelines.store import write_bytes
from pipelines.versions.diff.found import Diff, Example, TableDiff
from pipelines.versions.diff.lines import compare_values, group_moves, list_facts, show_move
from pipelines.versions.diff.words import Piece

HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: left }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.row {{ border-left: 3px solid #ccc; padding: .2rem .8rem; margin: .8rem 0 }}
.text {{ white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate }}
del {{ background: #fdd; color: #900 }}
ins {{ background: #dfd; color: #060; text-decoration: none }}
.cut, .column {{ color: #777 }}
</style>
</head>
<body>
"""


def write_page(diff: Diff, path: Path) -> None:
    """Write the page, whole or not at all."""
    title = escape(f"{diff.old} → {diff.new}")
    body = [HEAD.format(title=title), f"<h1>{title}</h1>\n", _show_counts(diff)]
    body += [_show_table(table) for table in diff.tables if not table.same or table.notes]
    body.append(_show_moves(diff))
    write_bytes("".join([*body, "</body>\n</html>\n"]).encode("utf-8", "backslashreplace"), path)


def _cells(*cells: str) -> str:
    first, *numbers = cells
    return f"<tr><td>{escape(first)}</td>{''.join(f'<td class=n>{escape(each)}</td>' for each in numbers)}</tr>\n"


def _show_counts(diff: Diff) -> str:
    rows = "".join(
        _cells(table.name or "rows", *(f"{n:,}" for n in (table.added, table.removed, table.changed, table.unchanged)))
        for table in diff.tables
    )
    return f"<table><tr><th>table<th>added<th>removed<th>changed<th>unchanged</tr>\n{rows}</table>\n"


def _show_moves(diff: Diff) -> str:
    shown = ""
    for name, group in group_moves(list(diff.moved)).items():
        rows = "".join(_cells(each.label, *show_move(each)) for each in group)
        shown += f"<h3>{escape(name)}</h3>\n<table><tr><th><th>old<th>new<th>change</tr>\n{rows}</table>\n"
    return shown


def _show_table(table: TableDiff) -> str:
    facts = "".join(f"<li>{escape(fact)}</li>\n" for fact in list_facts(table))
    rows = "".join(_show_example(example) for example in table.examples)
    return f"<h2>{escape(table.name or 'rows')}</h2>\n<ul>\n{facts}</ul>\n{rows}"


def _show_example(example: Example) -> str:
    values = "".join(
        f'<div><span class="column">{escape(column)}</span> '
        f'<span class="text">{"".join(_show_piece(piece) for piece in compare_values(*pair))}</span></div>\n'
        for column, pair in example.values.items()
    )
    return f'<div class="row"><b>{escape(example.change.replace("_", " "))}</b> {escape(example.row)}\n{values}</div>\n'


def _show_piece(piece: Piece) -> str:
    text = escape(piece.text)
    if piece.kind == "cut":
        return f'<span class="cut"> … {text} … </span>'
    tag = {"old": "del", "new": "ins"}.get(piece.kind)
    return f"<{tag}>{text}</{tag}>" if tag else text
