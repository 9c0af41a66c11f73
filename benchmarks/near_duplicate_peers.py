"""Runs one peer's near-duplicate removal on a Parquet file, inside the peer's own environment.

    python near_duplicate_peers.py PEER FILE FOLDER             the run that is timed
    python near_duplicate_peers.py PEER FILE FOLDER --collect   afterwards: ids of kept rows into FOLDER/kept.txt

Each as its documentation uses it: word 5-grams, 112 permutations, 14 bands of 8 rows. FILE has columns id and text.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

WORDS, PERMUTATIONS, BANDS, BAND_ROWS = 5, 112, 14, 8


def read_shingles(file: Path) -> tuple[list[str], list[list[str]]]:
    """Ids, and the lower-cased word 5-grams of each text."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(file, columns=["id", "text"])
    shingled = []
    for text in table["text"].to_pylist():
        words = text.lower().split()
        shingled.append([" ".join(words[i : i + WORDS]) for i in range(max(1, len(words) - WORDS + 1))])
    return table["id"].to_pylist(), shingled


def write_kept(ids: Iterable[str], folder: Path) -> None:
    (folder / "kept.txt").write_text("\n".join(ids))


def run_rensa(file: Path, folder: Path) -> None:
    from rensa import RMinHash, RMinHashDeduplicator

    ids, shingled = read_shingles(file)
    signatures = RMinHash.from_token_sets(shingled, num_perm=PERMUTATIONS, seed=42)
    seen = RMinHashDeduplicator(threshold=0.8, num_perm=PERMUTATIONS, use_lsh=True, num_bands=BANDS)
    flags = seen.add_pairs(zip(ids, signatures, strict=True))
    write_kept((id_ for id_, keep in zip(ids, flags, strict=True) if keep), folder)


def run_datasketch(file: Path, folder: Path) -> None:
    from datasketch import MinHash, MinHashLSH

    ids, shingled = read_shingles(file)
    signatures = MinHash.bulk([[s.encode() for s in shingles] for shingles in shingled], num_perm=PERMUTATIONS)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, BAND_ROWS))
    kept = []
    for id_, signature in zip(ids, signatures, strict=True):
        if not index.query(signature):
            index.insert(id_, signature)
            kept.append(id_)
    write_kept(kept, folder)


def run_text_dedup(file: Path, folder: Path) -> None:
    options = {
        "path": "parquet", "data_files": file, "split": "train", "cache_dir": folder / "cache",
        "output": folder / "out",
        "column": "text", "ngram": WORDS, "num_perm": PERMUTATIONS, "b": BANDS, "r": BAND_ROWS, "min_length": 0,
        "hash_func": "xxh3", "hash_bits": 64, "num_proc": 2,
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *flags], check=True)


def collect_text_dedup(folder: Path) -> None:
    import datasets

    write_kept(datasets.load_from_disk(str(folder / "out"))["id"], folder)


def run_data_juicer(file: Path, folder: Path) -> None:
    operator = {
        "tokenization": "space", "window_size": WORDS, "lowercase": True, "num_permutations": PERMUTATIONS,
        "num_bands": BANDS, "num_rows_per_band": BAND_ROWS, "jaccard_threshold": 0.8,
    }  # fmt: skip
    config = {
        "project_name": "near", "dataset_path": str(file), "export_path": str(folder / "out.jsonl"), "np": 2,
        "text_keys": "text", "process": [{"document_minhash_deduplicator": operator}],
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [str(Path(sys.executable).with_name("dj-process")), "--config", str(folder / "config.yaml")]
    subprocess.run(command, check=True, cwd=folder)


def collect_data_juicer(folder: Path) -> None:
    lines = (folder / "out.jsonl").read_text().splitlines()
    write_kept((json.loads(line)["id"] for line in lines), folder)


def run_datatrove(file: Path, folder: Path) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        hash_config=HashConfig(precision=64), n_grams=WORDS, num_buckets=BANDS, hashes_per_bucket=BAND_ROWS
    )
    # two files, since a task of datatrove is a file at least
    reader = ParquetReader(str(_halve(file, folder)), text_key="text", id_key="id")
    names = ("signatures", "buckets", "removed", "out")
    signatures, buckets, removed, out = (str(folder / name) for name in names)
    steps = [
        ([reader, MinhashDedupSignature(output_folder=signatures, config=config)], 2),
        ([MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=config)], BANDS),
        ([MinhashDedupCluster(input_folder=buckets, output_folder=removed, config=config)], 1),
        ([reader, MinhashDedupFilter(input_folder=removed), JsonlWriter(out, compression=None)], 2),
    ]  # fmt: skip
    for number, (pipeline, tasks) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=2, logging_dir=str(folder / f"log-{number}")
        ).run()


def _halve(file: Path, folder: Path) -> Path:
    import pyarrow.parquet

    halves = folder / "halves"
    halves.mkdir()
    table = pyarrow.parquet.read_table(file)
    middle = table.num_rows // 2
    for name, part in (("0", table[:middle]), ("1", table[middle:])):
        pyarrow.parquet.write_table(part, halves / f"{name}.parquet")
    return halves


def collect_datatrove(folder: Path) -> None:
    lines = [line for file in sorted((folder / "out").glob("*")) for line in file.read_text().splitlines()]
    write_kept((json.loads(line)["id"] for line in lines), folder)


def main() -> None:
    peer, file, folder = sys.argv[1].replace("-", "_"), Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    if "--collect" not in sys.argv:
        globals()[f"run_{peer}"](file, folder)
    elif f"collect_{peer}" in globals():
        globals()[f"collect_{peer}"](folder)


if __name__ == "__main__":
    main()
