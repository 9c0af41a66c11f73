"""The stage runner: one at a time, no orphans, one line for a mistake."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from polars.exceptions import ComputeError

from pipelines.runner import hold_lock, main
from pipelines.stage import StageError

ROOT = Path(__file__).parents[2]


def test_a_second_runner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.runner.LOCK_SECONDS", 0.2)
    lock = tmp_path / ".flywheel/stage.lock"
    with hold_lock(lock), pytest.raises(StageError, match=f"process {os.getpid()}"), hold_lock(lock):
        pass


def test_a_stage_dies_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of the parent alone ends the stage: no orphan writes on."""
    child = textwrap.dedent("""
        import time
        from pipelines.runner import die_with_parent
        die_with_parent()
        print("up", flush=True)
        time.sleep(60)
    """)
    parent = textwrap.dedent(f"""
        import subprocess, sys
        process = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
        process.stdout.readline()
        print(process.pid, flush=True)
        process.wait()
    """)
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{orphan}/stat").exists() and time.monotonic() < deadline:
            if Path(f"/proc/{orphan}/stat").read_text().split()[2] == "Z":
                break
            time.sleep(0.05)
        else:
            assert not Path(f"/proc/{orphan}").exists()


FULL_DISKS = {
    "python": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/prompts.parquet"),
    "quota": OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "data/prompts.parquet"),
    "polars": ComputeError("parquet: File out of specification: No space left on device (os error 28)"),
}


@pytest.mark.parametrize("fault", FULL_DISKS)
def test_a_full_disk_is_one_line_with_the_mend(
    fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(root: Path, name: str) -> None:
        raise FULL_DISKS[fault]

    monkeypatch.setattr("sys.argv", ["stage", "prompts"])
    monkeypatch.setattr("pipelines.runner.die_with_parent", lambda: None)
    monkeypatch.setattr("pipelines.runner._pin_environment", lambda root: None)
    monkeypatch.setattr("pipelines.runner.run_stage", write)
    assert main() == 1
    assert capsys.readouterr().err == f"prompts: {FULL_DISKS[fault]}; make room, then `dvc repro` goes on from here\n"


def test_mistakes_are_one_line_and_an_exit_code(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pipelines.stage"]
    usage = subprocess.run([*command, "sfft"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert usage.returncode == 2 and "one of start prompts" in usage.stderr
    empty = subprocess.run([*command, "sft"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert empty.returncode == 1 and empty.stderr.count("\n") == 1 and "flywheel init" in empty.stderr
