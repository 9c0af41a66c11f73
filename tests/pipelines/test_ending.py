"""A process that ends at once still ends as Python would: status, output, what was to be done at its end."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def end(body: str) -> subprocess.CompletedProcess[str]:
    start = "import atexit, sys\nfrom pipelines.ending import run_and_end\n"
    program = f"{start}def main():\n    {body}\nrun_and_end(main)"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("body", "status"),
    [("pass", 0), ("return 3", 3), ("sys.exit(2)", 2), ("sys.exit()", 0), ("raise SystemExit(True)", 1)],
)
def test_the_status_is_what_the_entry_point_says(body: str, status: int) -> None:
    assert end(body).returncode == status


def test_what_was_printed_and_put_off_is_done() -> None:
    done = end("atexit.register(print, 'at the end'); print('before'); print('words', file=sys.stderr)")
    assert (done.stdout, done.stderr) == ("before\nat the end\n", "words\n")


def test_words_and_mistakes_go_on_to_python() -> None:
    said = end("sys.exit('said')")
    assert (said.returncode, said.stderr) == (1, "said\n")
    failed = end("raise ValueError('wrong')")
    assert failed.returncode == 1
    assert failed.stderr.endswith("ValueError: wrong\n")
