"""Times all noise rules beside datatrove's Gopher, C4 and language filters, on one Parquet file of documents.

    python benchmarks/noise_rules.py [--rows 50000] [--keep FOLDER] [--public FOLDER] [--skip-peer]

Documents of about 800 characters are drawn sentence by sentence from news articles (`--public`, with
minhash-articles), or else from the sandbox's; every tenth has a fault of a noise rule. Each side runs in a process of
its own with two threads or workers, and reads the file itself. datatrove is installed into an environment of its own.
Its LanguageFilter downloads a model: py3langid, which ours is equal to, runs as a plain filter in its place. Its
workers each take a whole file, so it is given the same rows in two. Its later filters see only what earlier ones kept;
ours judge all.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEER = ("datatrove[io,processing]==0.10.1", "spacy", "py3langid==0.4.0")
PEER_PROGRAM = """
import json, sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter, LambdaFilter
from datatrove.pipeline.readers import ParquetReader

IDENTIFIER = None

def is_english(document):
    global IDENTIFIER
    if IDENTIFIER is None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
        IDENTIFIER = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    language, probability = IDENTIFIER.classify(document.text)
    return language == "en" or probability < 0.95

if __name__ == "__main__":
    executor = LocalPipelineExecutor(
        pipeline=[
            ParquetReader(sys.argv[1], text_key="text", id_key="row_id"),
            LambdaFilter(is_english), GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(),
        ],
        tasks=2, workers=2, logging_dir=sys.argv[2], skip_completed=False, start_method="fork",
    )
    stats = json.loads(executor.run().to_json())
    print(json.dumps({part["name"]: {k: v["total"] if isinstance(v, dict) else v for k, v in part["stats"].items()
          if k.startswith("dropped") or k in ("total", "forwarded")} for part in stats}))
"""
DOCUMENT_RULES = (
    "too_few_words", "too_many_words", "mean_word_length", "symbol_words", "alphabetic_words", "stop_words",
    "bullet_lines", "ellipsis_lines", "repeated_lines", "repeated_line_characters", "repeated_paragraphs",
    "repeated_paragraph_characters", "repeated_phrases", "repeated_passages", "lorem_ipsum", "curly_bracket",
    "web_boilerplate", "too_few_sentences", "language",
)  # fmt: skip
"""What datatrove's filters judge too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--public", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--keep", type=Path, help="keep the data and the peer's environment here")
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["all", "documents"], default="all", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        run_ours(arguments.ours, arguments.only)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        file, halves = write_documents(folder, arguments.rows, arguments.public)
        print(f"{arguments.rows:,} rows, {file.stat().st_size / 1e6:.0f} MB of Parquet; 2 cores\n")
        compare(folder, file, halves, skip_peer=arguments.skip_peer)


def compare(folder: Path, file: Path, halves: Path, *, skip_peer: bool) -> None:
    """Print a Markdown table of seconds and memory, and what each side dropped."""
    ours = [sys.executable, str(Path(__file__)), "--ours", str(file)]
    runs = {"ours, all rules": ours, "ours, datatrove's 19": [*ours, "--only", "documents"]}
    if not skip_peer:
        program = folder / "peer.py"
        program.write_text(PEER_PROGRAM)
        runs["datatrove, 19"] = [str(make_environment(folder)), str(program), str(halves), str(folder / "logs")]
    measured = {name: measure(command) for name, command in runs.items()}
    slowest = measured.get("datatrove, 19", measured["ours, all rules"])[0]
    print("| | wall s | CPU s | peak MB | times as fast |\n|---|---|---|---|---|")
    for name, (wall, cpu, memory, _) in measured.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {memory:.0f} | {slowest / wall:.1f} |")
    for name, (*_, said) in measured.items():
        print(f"\n{name}: {said}")


def measure(command: list[str]) -> tuple[float, float, float, str]:
    """Wall and CPU seconds, peak memory in MB of the largest process, and the last line that was printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"}
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = process.stdout, process.stderr
    assert output and errors
    said = output.read().strip().split("\n")[-1]
    trouble = errors.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{trouble[-2000:]}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def run_ours(file: Path, only: str) -> None:
    """Read the file, judge it by every rule of completions (or those that datatrove has), print findings by reason."""
    import polars as pl
    import yaml

    from curation.noise import RULES, find_noise
    from schemas.params import parse_params

    rules = parse_params(yaml.safe_load((ROOT / "params.yaml").read_text())).curate_demonstrations.rules
    wanted = [name for name in type(rules).model_fields if name in (RULES if only == "all" else DOCUMENT_RULES)]
    switched = {name: getattr(rules, name).model_copy(update={"enabled": name in wanted}) for name in RULES
                if name in type(rules).model_fields}  # fmt: skip
    found = find_noise(pl.read_parquet(file), rules.model_copy(update=switched))
    counts = dict(found.group_by("reason").len().sort("reason").iter_rows())
    print(json.dumps({"rules": len(wanted), "rows found": found["row_id"].n_unique(), **counts}))


def write_documents(folder: Path, n_rows: int, public: Path) -> tuple[Path, Path]:
    """The same documents as one Parquet file, and as a folder of two."""
    import polars as pl

    file, halves = folder / "documents.parquet", folder / "halves"
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from noise_faults import FAULTS

    rng = random.Random(1)
    sentences = list_sentences(public)
    kinds = sorted(set(FAULTS) - {"too_long", "too_many_words"})
    texts = []
    for number in range(n_rows):
        drawn = rng.sample(sentences, 8)
        while sum(map(len, drawn)) < 800:
            drawn.append(rng.choice(sentences))
        text = "\n\n".join(" ".join(drawn[i : i + 3]) for i in range(0, len(drawn), 3))
        texts.append(FAULTS[rng.choice(kinds)](text, rng)["text"] if number % 10 == 0 else text)
    frame = pl.DataFrame({"row_id": [f"{i:08}" for i in range(n_rows)], "text": texts})
    frame.write_parquet(file)
    halves.mkdir(exist_ok=True)
    for part in range(2):
        frame.gather_every(2, part).write_parquet(halves / f"{part}.parquet")
    return file, halves


def list_sentences(public: Path) -> list[str]:
    """Sentences of 30 to 200 characters."""
    articles = public / "minhash-articles" / "data" / "articles_1000.train"
    if articles.exists():
        texts = [line.partition(" ")[2] for line in articles.read_text(encoding="utf-8").splitlines()]
    else:
        import yaml

        from pipelines.sandbox.documents import write_documents
        from schemas.params import parse_params

        texts = write_documents(parse_params(yaml.safe_load((ROOT / "params.yaml").read_text())).sandbox)
    found = {s for text in texts for s in re.split(r"(?<=[.!?]) ", text) if 30 <= len(s) <= 200 and "<|" not in s}
    return sorted(found)


def make_environment(folder: Path) -> Path:
    """Python of a virtual environment with the peer; made once where the folder is kept."""
    python = folder / "datatrove" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "datatrove", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER], check=True)
    return python


if __name__ == "__main__":
    main()
