"""Kills a turn at random moments, 24 times: in each stage once the stage and once dvc itself, then compares md5s.

    python benchmarks/kills.py [--set sandbox.n_train_prompts=100 ...]

The turn is a small one (tests/small.py), with the default sizes where --set gives them.

For each of the twelve stages a project is brought to just before it; the run is killed with SIGKILL at a random moment
of that stage, and `dvc repro` is run again. All outs in dvc.lock must be those of a run that nobody killed.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from seeds import parse_changes, run
from small import SMALL, set_params


def read_md5s(folder: Path) -> dict[str, str]:
    """Path and md5 of every out in dvc.lock."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage.get("outs", [])}


def find_stage(stage: str, folder: Path) -> int | None:
    """Process id of the running stage, found by its command line and folder."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"pipelines.stage" in command and stage.encode() in command and (entry / "cwd").readlink() == folder:
                return int(entry.name)
        except (OSError, ValueError):
            continue
    return None


def kill_once(folder: Path, stage: str, victim: str, delay: float) -> str:
    """Start `dvc repro`, wait for the stage, kill the victim after `delay` seconds; says what was hit."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "dvc", "repro"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
    while (pid := find_stage(stage, folder)) is None:
        if process.poll() is not None:
            return "stage never seen"
        time.sleep(0.002)
    time.sleep(delay)
    try:
        os.kill(pid if victim == "stage" else process.pid, signal.SIGKILL)
        hit = "killed"
    except ProcessLookupError:
        hit = "already done"
    process.wait()
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--stages", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="flywheel-kills-")) / "project"
    run(["flywheel", "init", str(base)], Path.cwd())
    set_params(base, SMALL | parse_changes(options.set))
    run(["dvc", "repro", "--quiet"], base)
    expected = read_md5s(base)
    seconds = yaml.safe_load((base / ".flywheel/seconds.json").read_text())
    draw, failures, n = random.Random(options.seed), 0, 0
    for stage in options.stages or list(seconds):
        for victim in ("stage", "dvc"):
            forget_from(base, stage)
            hit = kill_once(base, stage, victim, draw.random() * seconds[stage]["seconds"])
            run(["dvc", "repro", "--quiet"], base)
            equal = read_md5s(base) == expected
            failures, n = failures + (not equal), n + 1
            print(f"{stage:24} {victim:6} {hit:16} {'equal md5s' if equal else 'DIFFERENT'}", flush=True)
    print(f"{n} kills, {n - failures} ended with the md5s of an unkilled run")
    shutil.rmtree(base.parent)
    sys.exit(failures > 0)


def forget_from(folder: Path, stage: str) -> None:
    """Make a stage and all after it run again: out of dvc.lock, without the cache of runs."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    names = list(yaml.safe_load((folder / "dvc.yaml").read_text())["stages"])
    for name in names[names.index(stage) :]:
        lock["stages"].pop(name, None)
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
    shutil.rmtree(folder / ".dvc/cache/runs", ignore_errors=True)


if __name__ == "__main__":
    main()
