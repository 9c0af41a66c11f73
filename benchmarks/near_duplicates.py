"""Near-duplicates end to end, `flywheel curate` beside its peers: seconds, memory, precision, recall.

    python benchmarks/near_duplicates.py --keep FOLDER                      peers and ours, 100,000 rows
    python benchmarks/near_duplicates.py --peers rensa --rows 20000
    python benchmarks/near_duplicates.py --parts growth,short,extend        ours alone: what more rows cost

Every run is a process of its own, from its start to its end: reading Parquet, tokenising, signing, verifying where
that is done, writing. Each peer has an environment of its own, made in FOLDER and left there. Everybody first runs on
300 rows, untimed: compilers fill their caches, and data-juicer installs what it lacks.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml
from planted_texts import Planted, measure_jaccard, plant_texts

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).with_name("near_duplicate_peers.py")
# one list a call of pip
ENVIRONMENTS = {
    "rensa": [["rensa==0.5.0", "pyarrow==26.0.1"]],
    "datasketch": [["datasketch==2.0.0", "pyarrow==26.0.1"]],
    "text-dedup": [
        ["--no-deps", "text-dedup==0.4.0"],
        ["datasets", "click", "click-option-group", "ftfy", "regex", "rich"],
        ["bitarray", "xxhash", "scipy", "setuptools<80"],
    ],
    "datatrove": [["datatrove[io,processing]==0.10.1", "spacy"]],
    "data-juicer": [["py-data-juicer==1.6.1", "aiohttp", "scipy"]],
}  # fmt: skip
THRESHOLD, TENTHS = 0.8, 10
# A small process in between: a child begins with the peak memory of the process that it is forked from. It adopts what
# the command leaves behind (prctl 36), so that workers of a fork server, as datatrove has one, are counted too
LAUNCHER = """
import ctypes, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1)
started = time.monotonic()
failed = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
wall = time.monotonic() - started
try:
    while True:
        os.wait()
except ChildProcessError:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(bool(failed))
"""


@dataclass(frozen=True)
class Run:
    """What a process cost, and which rows it dropped."""

    wall: float
    cpu: float
    megabytes: float
    dropped: set[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peers", default=",".join(ENVIRONMENTS), help="of " + ", ".join(ENVIRONMENTS) + "; or none")
    parser.add_argument("--parts", default="peers", help="of peers, growth, short, extend")
    parser.add_argument("--words", type=int, default=111, help="of a row, in the part growth")
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours and of rensa; the fastest counts")
    parser.add_argument("--keep", type=Path, help="folder for environments; else a temporary one")
    options = parser.parse_args()
    parts, peers = options.parts.split(","), [p for p in options.peers.split(",") if p in ENVIRONMENTS]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        if "peers" in parts:
            compare_peers(options.rows, peers, folder, Path(scratch), options.repeats)
        if "growth" in parts:
            show_growth(options.rows, options.words, Path(scratch), options.repeats)
        if "short" in parts:
            show_short(Path(scratch))
        if "extend" in parts:
            show_extended(options.rows, Path(scratch), options.repeats)


def compare_peers(rows: int, peers: Sequence[str], folder: Path, scratch: Path, repeats: int) -> None:
    planted = plant_texts(rows)
    file, warm = write_rows(planted, scratch / "rows.parquet"), write_rows(plant_texts(300), scratch / "warm.parquet")
    characters = sum(map(len, planted.texts)) / rows
    print(f"{rows:,} rows of {characters:.0f} characters, {sum(len(t.encode()) for t in planted.texts) / 1e6:.0f} MB\n")
    alike = write_params(scratch, shingle_words=5, bands=14, rows_per_band=8)
    results = {}
    for name, params, words in (("flywheel, 5-grams, 14 x 8", alike, 5), ("flywheel, defaults", None, 3)):
        run_ours(warm, scratch, params)
        runs = [run_ours(file, scratch, params) for _ in range(repeats)]
        results[name] = min(runs, key=lambda run: run.wall), words
    for peer in peers:
        python = make_environment(peer, folder)
        run_peer(peer, python, warm, scratch)
        runs = [run_peer(peer, python, file, scratch) for _ in range(repeats if peer == "rensa" else 1)]
        results[peer] = min(runs, key=lambda run: run.wall), 5
    print_table(results, planted)


def write_rows(planted: Planted, file: Path) -> Path:
    pl.DataFrame({"id": [f"row-{i:07d}" for i in range(len(planted.texts))], "text": planted.texts}).write_parquet(file)
    return file


def write_params(scratch: Path, **changes: int) -> Path:
    """params.yaml with other near-duplicate settings."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["near_duplicates"] |= changes
    path = scratch / "params.yaml"
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    return path


def make_environment(peer: str, folder: Path) -> Path:
    """The peer's python; its environment is made where it is not there yet."""
    home = folder / peer
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        for packages in ENVIRONMENTS[peer]:
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        (home / "ready").touch()
    return python


def run_ours(file: Path, scratch: Path, params: Path | None, *extra: str) -> Run:
    out = scratch / "dropped.parquet"
    command = [
        sys.executable, "-m", "pipelines.cli", "curate", str(file), "--text", "text", "--key", "id", "--only",
        "near_duplicate", "--dropped", str(out), *(["--params", str(params)] if params else []), *extra,
    ]  # fmt: skip
    costs = measure(command)
    return Run(*costs, {int(i.removeprefix("row-")) for i in pl.read_parquet(out)["row_id"]})


def run_peer(peer: str, python: Path, file: Path, scratch: Path) -> Run:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        command = [str(python), str(PEERS), peer, str(file), folder]
        costs = measure(command)
        subprocess.run([*command, "--collect"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kept = {int(i.removeprefix("row-")) for i in (Path(folder) / "kept.txt").read_text().split()}
    return Run(*costs, set(range(pl.read_parquet(file, columns=["id"]).height)) - kept)


def measure(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of a process with its children."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *command], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    wall, cpu, megabytes = map(float, done.stdout.splitlines()[-1].split())
    return wall, cpu, megabytes


def print_table(results: dict[str, tuple[Run, int]], planted: Planted) -> None:
    ours = results["flywheel, 5-grams, 14 x 8"][0]
    print("| | wall s | CPU s | ours is | MB | precision | recall | recall by tenth of .8 to 1 | templates dropped |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (run, words) in results.items():
        precision, recall, tenths = score(run.dropped, planted, words)
        shown = " ".join(f"{r:.3f}".lstrip("0") for r in tenths)
        templates = len(run.dropped & set(planted.templated))
        print(
            f"| {name} | {run.wall:.2f} | {run.cpu:.2f} | {run.wall / ours.wall:.1f}x | {run.megabytes:,.0f} |"
            f" {precision:.4f} | {recall:.4f} | {shown} | {templates} |"
        )
    print()


def score(dropped: set[int], planted: Planted, words: int) -> tuple[float, float, list[float]]:
    """Precision of the dropped rows, recall of the pairs alike, and recall in each tenth of the similarities."""
    found, true = [0] * TENTHS, [0] * TENTHS
    partners: dict[int, int] = {}
    for first, second in (*planted.pairs, *planted.near_misses):
        similarity = measure_jaccard(planted.texts[first], planted.texts[second], words)
        if similarity < THRESHOLD:
            continue
        tenth = min(TENTHS - 1, int((similarity - THRESHOLD) / (1 - THRESHOLD) * TENTHS))
        true[tenth] += 1
        found[tenth] += first in dropped or second in dropped
        partners |= {first: second, second: first}
    right = sum(row in partners for row in dropped)
    tenths = [f / t for f, t in zip(found, true, strict=True) if t]
    return right / max(1, len(dropped)), sum(found) / max(1, sum(true)), tenths


def show_growth(rows: int, words: int, scratch: Path, repeats: int) -> None:
    """Ten times the rows, twice: seconds and memory; CPU time is compared with and without that of starting up."""
    start, before = measure_start(scratch, repeats), None
    for n in (rows // 10, rows, 10 * rows):
        planted = plant_texts(n, n_words=words)
        characters = sum(map(len, planted.texts)) / n
        file = write_rows(planted, scratch / "rows.parquet")
        run = run_least(file, scratch, repeats)
        print(f"{n:,} rows of {characters:.0f} characters: {describe(run)}", flush=True)
        if before:
            beyond = (run.cpu - start) / (before.cpu - start)
            less = f"{beyond:.1f}x beyond {start:.2f} s of starting up"
            print(f"  {run.cpu / before.cpu:.1f}x the CPU time of a tenth; {less}")
        before = run
    print()


def measure_start(scratch: Path, repeats: int) -> float:
    """CPU seconds of a run on 300 rows: Python, polars and compiled loops are loaded, and little else."""
    return run_least(write_rows(plant_texts(300), scratch / "warm.parquet"), scratch, repeats + 1).cpu


def run_least(file: Path, scratch: Path, repeats: int, *extra: str) -> Run:
    """Of several runs the one of least CPU time."""
    return min((run_ours(file, scratch, None, *extra) for _ in range(repeats)), key=lambda run: run.cpu)


def describe(run: Run) -> str:
    return f"wall {run.wall:.2f} s, CPU {run.cpu:.2f} s, {run.megabytes:,.0f} MB"


def show_short(scratch: Path) -> None:
    """765,000 rows of about ten words."""
    run = run_ours(write_rows(plant_texts(765_000, n_words=10), scratch / "rows.parquet"), scratch, None)
    print(f"765,000 short rows: {describe(run)}\n")


def show_extended(rows: int, scratch: Path, repeats: int) -> None:
    """A tenth more rows, judged beside what is remembered of the others, against all of them judged at once."""
    whole, old, new = (scratch / f"{name}.parquet" for name in ("whole", "old", "new"))
    frame = pl.read_parquet(write_rows(plant_texts(rows * 11 // 10, n_words=111), whole))
    frame[:rows].write_parquet(old)
    frame[rows:].write_parquet(new)
    start = measure_start(scratch, repeats)
    first, known = run_ours(old, scratch, None, "--signatures", str(scratch / "known")), scratch / "extended"
    extended, full = [], []
    for _ in range(repeats):
        shutil.rmtree(known, ignore_errors=True)
        shutil.copytree(scratch / "known", known)
        extended.append(run_ours(new, scratch, None, "--signatures", str(known)))
        full.append(run_ours(whole, scratch, None))
    a_tenth, at_once = (min(runs, key=lambda run: run.cpu) for runs in (extended, full))
    for what, run in ((f"{rows:,} rows, remembered", first), ("a tenth more", a_tenth), ("all at once", at_once)):
        print(f"{what}: {describe(run)}", flush=True)
    same = "the same rows dropped" if first.dropped | a_tenth.dropped == at_once.dropped else "OTHER ROWS DROPPED"
    print(
        f"a tenth more rows cost {(a_tenth.cpu - start) / (at_once.cpu - start):.1%} of a full run's CPU time, beyond"
        f" {start:.2f} s of starting up; {a_tenth.cpu / at_once.cpu:.1%} with it; {same}\n"
    )


if __name__ == "__main__":
    main()
