"""Reads queries at a prompt, with completion of names and a history that the next prompt has too."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from pipelines.versions.catalog import ALL_TURNS, MAIN, RAW, Catalog, raw_schema
from pipelines.versions.revisions import WORKSPACE, own_folder
from pipelines.versions.scans import quote_name
from pipelines.versions.sql import EXTRA
from pipelines.versions.sql_command import answer_query
from schemas.errors import UserError

HISTORY, KEPT_LINES = "sql_history", 1000
FIRST, MORE = "flywheel> ", "     ...> "
LEAVES = frozenset({"exit", "quit"})
GREETING = "End a query with ; or an empty line. Tab completes, SHOW TABLES lists, Ctrl-D leaves."
DELIMITERS = " \t\n(),;=<>+*/|"
"""Between words; quotes and dots are part of a name."""
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "ANTI JOIN", "USING", "HAVING",
    "QUALIFY", "UNION ALL", "DESCRIBE", "SHOW TABLES", "SUMMARIZE", "EXPLAIN", "count(*)", "DISTINCT", "WITH",
)  # fmt: skip
_SCHEMA = re.compile(r'("(?:[^"]|"")+"|\w+)\.')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def open_prompt(root: Path, at: Sequence[str], *, form: str, any_file: bool) -> None:
    """Answer queries until the input ends; what is wrong with one is a line, and the next may follow."""
    Catalog(root, at)  # an unknown revision ends it here
    sys.stderr.write(f"{GREETING}\n")
    lines = _Lines(root, at)
    try:
        for text in read_statements():
            try:
                notes = answer_query(root, text, at, form=form, parquet=None, any_file=any_file)
            except KeyboardInterrupt:
                notes = ["interrupted"]
            except (UserError, OSError) as error:
                notes = [f"flywheel: {error}"]
            sys.stderr.writelines(f"{note}\n" for note in notes)
    finally:
        lines.keep()


def read_statements() -> Iterator[str]:
    """Statements typed at the prompt, each ended by a semicolon or an empty line; Ctrl-C drops what was begun."""
    lines: list[str] = []
    while True:
        try:
            line = input(MORE if lines else FIRST)
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            lines = []
            continue
        except EOFError:
            sys.stderr.write("\n")
            return
        if not lines and line.strip().rstrip(";").lower() in LEAVES:
            return
        if line.strip():
            lines.append(line)
        if lines and (not line.strip() or line.rstrip().endswith(";")):
            yield "\n".join(lines)
            lines = []


class _Lines:
    """Editing of lines by readline, with completion and a history; without readline none of these."""

    def __init__(self, root: Path, at: Sequence[str]) -> None:
        self._file = own_folder(root) / HISTORY
        self._found: list[str] = []
        try:
            import readline
        except ImportError:
            self._readline = None
            return
        self._readline = readline
        self._names = Names(root, at)
        readline.set_completer_delims(DELIMITERS)
        readline.set_completer(self._complete)
        on_mac = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if on_mac else "tab: complete")
        readline.set_history_length(KEPT_LINES)
        with suppress(OSError):  # the first prompt in this project
            readline.read_history_file(self._file)

    def _complete(self, word: str, place: int) -> str | None:
        if place == 0:
            self._found = self._names.complete(word)
        return self._found[place] if place < len(self._found) else None

    def keep(self) -> None:
        """Write the history; a project that cannot be written to has none."""
        if self._readline is None:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._readline.write_history_file(self._file)


class Names:
    """What can follow at the prompt: words of SQL, tables, columns, and revisions as schemas."""

    def __init__(self, root: Path, at: Sequence[str]) -> None:
        self._catalog = Catalog(root, at)
        self.list_schema = cache(self._list_schema)

    def complete(self, word: str) -> list[str]:
        """Names that begin with a word, tables of a schema where it names one."""
        schema = _SCHEMA.match(word)
        if schema is not None:
            tables = self.list_schema(_unquote(schema[1]))
            names = [f"{schema[0]}{_quote(name)}" for name in tables or self._list_columns()]
        else:
            tables = self.list_schema(MAIN) if self._catalog.default is not None else []
            names = [*map(_quote, [*tables, *EXTRA, *self._list_columns()]), *self._list_schemas(), *KEYWORDS]
        return sorted({name for name in names if name.lower().startswith(word.lower())})

    def _list_schema(self, schema: str) -> list[str]:
        try:
            return self._catalog.list_names(schema)
        except UserError:
            return []  # the name of a table in this query, or a slip that the query's fault will tell

    def _list_schemas(self) -> list[str]:
        tags = [turn.tag for turn in self._catalog.turns]
        named = [*self._catalog.asked, WORKSPACE, *tags, *([ALL_TURNS] if tags else [])]
        return [f"{_quote(name)}." for name in [*named, *map(raw_schema, named), RAW]]

    def _list_columns(self) -> list[str]:
        """Columns of tables of ours; those of other people's files are not known before they are read."""
        if self._catalog.default is None or not self._catalog.contents(self._catalog.default).tables:
            return []
        from schemas.tables import TABLES

        return [column for table in TABLES.values() for column in table.columns]


def _quote(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote_name(name)


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
