import json
import shutil
from hashlib import md5

import pytest
import torch
from safetensors import safe_open
from trained import read_lineage

from schemas.errors import UserError
from training.models import (
    load_checkpoint,
    load_policy,
    model_digest,
    save_checkpoint,
    save_model,
    write_lineage,
)


def files_of(directory):
    return {path.name: md5(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_loading_and_saving_again_gives_equal_bytes_wherever_it_lies(policy, tmp_path):
    first, second = tmp_path / "a", tmp_path / "elsewhere" / "b"
    digest = save_model(*load_policy(policy), first)
    save_model(*load_policy(first), second)
    assert files_of(policy) == files_of(first) == files_of(second)
    assert digest == model_digest(second) == files_of(policy)["model.safetensors"]
    assert not any(str(tmp_path) in path.read_text() for path in second.glob("*.json"))


def test_foreign_model_settles_after_one_save(foreign_policy, tmp_path):
    save_model(*load_policy(foreign_policy), tmp_path / "a")
    save_model(*load_policy(tmp_path / "a"), tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_tied_embeddings_are_stored_once_and_tied_when_loaded(policy):
    with safe_open(policy / "model.safetensors", "pt") as weights:
        assert "lm_head.weight" not in set(weights.keys())
    model, _ = load_policy(policy)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_metadata_is_sorted_whatever_order_it_was_written_in(policy, tmp_path):
    from safetensors.torch import load_file, save_file

    from training.models import _sort_metadata

    weights = load_file(policy / "model.safetensors")
    names = [f"key{number}" for number in range(20)]
    saved = set()
    for attempt in range(3):
        path = tmp_path / f"{attempt}.safetensors"
        save_file(weights, path, metadata={name: "x" for name in names})
        _sort_metadata(path)
        saved.add(path.read_bytes())
        again = load_file(path)
        assert all(torch.equal(again[name], weights[name]) for name in weights)
    assert len(saved) == 1


def test_digest_of_shards_depends_on_each(policy, tmp_path):
    for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
        shutil.copy(policy / "model.safetensors", tmp_path / name)
    both = model_digest(tmp_path)
    (tmp_path / name).write_bytes(b"other")
    assert len({both, model_digest(tmp_path), model_digest(policy)}) == 3


def test_missing_model_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match=r"^no model at .* must be a directory [^\n]*$"):
        load_policy(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"holds no model\.safetensors"):
        model_digest(tmp_path)


def test_lineage_names_a_set_of_rows_in_any_order(tmp_path):
    written = []
    for rows in (["b", "a", "a"], ["a", "b"], ["a", "c"]):
        write_lineage(
            tmp_path, kind="sft", rows=rows, parent="p", reference=None, params={"z": 1, "a": 0.5}, seed=1, threads=2
        )
        written.append((tmp_path / "lineage.json").read_text())
    assert written[0] == written[1] != written[2]
    assert list(json.loads(written[0])) == sorted(json.loads(written[0]))
    lineage = read_lineage(tmp_path)
    assert lineage["n_rows"] == 2


def test_checkpoint_is_whole_or_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    assert load_checkpoint(path) is None
    save_checkpoint({"step": 1}, path)

    def fail(state, file):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint({"step": 2}, path)
    assert load_checkpoint(path) == {"step": 1}
