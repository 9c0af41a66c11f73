"""Five chained turns of the toy flywheel and a fork, with models that say what they were trained on; and remotes."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LINEAGE = '''
def policy_with_lineage():
    """The toy's models, each with the rows that it saw and what it was made from."""
    import hashlib
    from schemas.ids import digest_rows
    policy()
    before = hashlib.md5(Path("models/start/policy/model.safetensors").read_bytes()).hexdigest()
    seen = pl.read_parquet("data/prompts.parquet")["prompt_id"].to_list()
    rows = []
    for model in ("policy", "reward_model"):
        folder = Path("models") / model
        name = hashlib.md5((folder / "model.safetensors").read_bytes()).hexdigest()
        ids = seen if model == "policy" else seen[:2]
        rows += [{"model": name, "row_id": row, "table_name": "prompts"} for row in ids]
        lineage = {"kind": model, "rows": digest_rows(ids), "n_rows": len(ids), "parent": before, "reference": None}
        (folder / "lineage.json").write_text(json.dumps(lineage))
    write_parquet(conform_frame("training_rows", pl.DataFrame(rows)), Path("data/training_rows/policy.parquet"))
'''


@pytest.fixture(scope="session")
def forked_project(
    run_project: Path, tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str], dvc: Callable[..., str]
) -> Path:
    """Turns 1 to 5 on main, turn 6 open; turn 3 again from turn 2 on the branch `fork`, by `dvc exp run`. Copy it."""
    root = shutil.copytree(run_project, tmp_path_factory.mktemp("forked") / "project")
    toy, pipeline = (root / "toy.py").read_text(), (root / "dvc.yaml").read_text()
    call = '{"start": start, "prompts": prompts, "policy": policy}'
    assert call in toy
    toy = toy.replace(call, f"{LINEAGE}\n{call.replace('policy}', 'policy_with_lineage}')}")
    (root / "toy.py").write_text(toy)
    outs = "outs: [models/policy, models/reward_model]"
    assert outs in pipeline
    (root / "dvc.yaml").write_text(pipeline.replace(outs, f"{outs[:-1]}, data/training_rows/policy.parquet]"))
    git(root, "commit", "--quiet", "--all", "--message", "lineage")
    close = [sys.executable, "-m", "pipelines.cli", "next"]
    for _ in range(5):
        dvc(root, "repro", "--quiet")
        _run(root, *close)
    git(root, "commit", "--quiet", "--all", "--message", "turn 6 is open")
    second = git(root, "rev-parse", "turn-2^{commit}")
    changes = ["-S", f"turn.parent={second}", "-S", "turn.number=3", "-S", "prompts.n=4"]
    dvc(root, "exp", "run", "--quiet", "--name", "other", *changes)
    git(root, "reset", "--quiet", "--hard")
    git(root, "switch", "--quiet", "--create", "fork")
    dvc(root, "exp", "apply", "other")
    _run(root, *close)
    git(root, "restore", "params.yaml")
    git(root, "switch", "--quiet", "main")
    dvc(root, "checkout", "--quiet")
    from pipelines.versions.safety.collecting import collect_unused

    collect_unused(root, remove=True)  # what turn 1 wrote before its stages were changed
    return root


def _run(root: Path, *command: str) -> None:
    import subprocess

    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def forked(forked_project: Path, tmp_path: Path) -> Path:
    """A copy of `forked_project` to do with as one likes."""
    return shutil.copytree(forked_project, tmp_path / "forked")


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, forked: Path, dvc: Callable[..., str], tmp_path: Path) -> "Remote":
    """A remote of `forked` by the name `store`: a folder, or S3 from a server on this machine."""
    if request.param == "folder":
        dvc(forked, "remote", "add", "--quiet", "store", str(tmp_path / "store"))
        return Remote(forked)
    url, bucket = request.getfixturevalue("s3_server"), f"b{abs(hash(str(tmp_path)))}"
    import boto3

    boto3.client("s3", endpoint_url=url).create_bucket(Bucket=bucket)
    dvc(forked, "remote", "add", "--quiet", "store", f"s3://{bucket}/objects")
    dvc(forked, "remote", "modify", "--quiet", "store", "endpointurl", url)
    return Remote(forked)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> object:
    """URL of moto's S3 on this machine."""
    pytest.importorskip("dvc_s3")
    server = pytest.importorskip("moto.server")
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    threaded = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    yield f"http://{host}:{port}"
    threaded.stop()
    patch.undo()


class Remote:
    """What a test does to the objects of the remote `store`, behind DVC's back."""

    name = "store"

    def __init__(self, root: Path) -> None:
        self.root = root

    def list_md5s(self) -> set[str]:
        return {oid.md5 for oid in self._call(lambda store: store.list_objects())}

    def remove(self, md5: str) -> None:
        from pipelines.versions.safety.needs import Oid

        self._call(lambda store: store.remove(Oid(md5)))

    def corrupt(self, md5: str) -> None:
        """Change one byte, so that the size stays."""

        self._write(md5, lambda content: bytes([content[0] ^ 1]) + content[1:])

    def truncate(self, md5: str) -> None:
        self._write(md5, lambda content: content[:-1])

    def put(self, md5: str) -> None:
        from pipelines.versions.cache import open_cache

        content = open_cache(self.root).locate(md5).read_bytes()
        self._call(lambda store: store.remote.odb.add_bytes(md5, content))

    def _write(self, md5: str, change: Callable[[bytes], bytes]) -> None:
        def rewrite(store: object) -> None:
            odb = store.remote.odb  # type: ignore[attr-defined]
            path = odb.oid_to_path(md5)
            with odb.fs.open(path, "rb") as file:
                content = file.read()
            odb.fs.rm_file(path)
            with odb.fs.open(path, "wb") as file:
                file.write(change(content))

        self._call(rewrite)

    def _call(self, act: Callable[..., object]) -> object:
        from pipelines.versions.safety.stores import open_remote

        with open_remote(self.root, "store") as store:
            return act(store)
