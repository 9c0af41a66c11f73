"""Turns models into directories with equal bytes for equal weights, and back."""

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from schemas.ids import digest_rows
from training.tokenizer import ensure_chat_template

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "model.safetensors"
LINEAGE = "lineage.json"


def set_determinism(seed: int, threads: int) -> None:
    """Make what follows in this process repeat bit by bit on a CPU: seeds, thread count, algorithms.

    Also keeps libraries off the network, unless HF_HUB_OFFLINE=0 is set. Environment variables reach only
    libraries imported later, so call it first.
    """
    quiet = {
        "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false", "WANDB_MODE": "disabled", "TRL_EXPERIMENTAL_SILENCE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # Threads that wait for each other spin for some 200 us, then sleep. A quarter of that costs a third more time
        # on idle cores, the usual milliseconds ten times the time where others want a core; the bits are the same.
        "GOMP_SPINCOUNT": "4000",
    }  # fmt: skip
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    os.environ["OMP_NUM_THREADS"] = str(threads)

    import torch
    from transformers import set_seed
    from transformers.utils import logging

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # Deterministic mode fills fresh memory with NaN, for code that reads what it never wrote: time for nothing here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    set_seed(seed)


def choose_device() -> "torch.device":
    """The accelerator where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_tokenizer(source: str | Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model directory or Hugging Face name, with a chat template and a pad token."""
    from transformers import AutoTokenizer

    return ensure_chat_template(AutoTokenizer.from_pretrained(str(source)))


def load_policy(source: str | Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """A causal language model in float32 on the CPU, in evaluation mode, with its tokenizer.

    `source` is a model directory or a Hugging Face name; its tokenizer gets a chat template where it has none.

    Raises:
        UserError: neither a directory nor a model in the local Hugging Face cache.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        tokenizer = load_tokenizer(source)
        model = AutoModelForCausalLM.from_pretrained(str(source), dtype=torch.float32)
    except OSError as error:
        raise UserError(
            f"no model at {str(source)!r}: it must be a directory written by save_pretrained, or a Hugging Face name"
            f" already in the local cache (HF_HUB_OFFLINE=0 lets it be downloaded): {' '.join(str(error).split())}"
        ) from error
    model.eval()
    return model, tokenizer


def save_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", directory: Path) -> str:
    """Write config, weights (one safetensors file, tied ones once) and tokenizer; returns the weights' md5.

    Equal weights give equal bytes. Files already in `directory` and not written again stay.
    """
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory, max_shard_size="100TB")
    tokenizer.save_pretrained(directory)
    for name in ("config.json", "tokenizer_config.json"):
        _drop_paths(directory / name)
    _sort_metadata(directory / WEIGHTS)
    (directory / WEIGHTS).chmod((directory / "config.json").stat().st_mode)  # the writer makes it private
    return model_digest(directory)


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write the state of a training at `path`, whole or not at all: a kill leaves the file before it."""
    import torch

    unfinished = path.with_name(path.name + ".unfinished")
    torch.save(dict(state), unfinished)
    unfinished.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """What save_checkpoint wrote, on the CPU, or None where there is nothing yet."""
    import torch

    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def model_digest(directory: Path) -> str:
    """The md5 of a model directory's weights: the name of a policy or reward model everywhere.

    Weights in several files, as others save big models, are named by the md5 of the files' md5s.

    Raises:
        UserError: the directory holds no safetensors weights.
    """
    shards = [path for path in [directory / WEIGHTS] if path.exists()] or sorted(directory.glob("model-*.safetensors"))
    if not shards:
        raise UserError(f"{directory} holds no {WEIGHTS}: save its model as safetensors")
    digests = []
    for shard in shards:
        with shard.open("rb") as file:
            digests.append(hashlib.file_digest(file, "md5").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.md5("".join(digests).encode()).hexdigest()


def write_lineage(
    directory: Path,
    *,
    kind: str,
    rows: Iterable[str],
    parent: str | None,
    reference: str | None,
    params: Mapping[str, Any],
    seed: int,
    threads: int,
) -> None:
    """Write lineage.json beside the weights: what the model was trained on, from and how; no times, no paths.

    `rows` are the ids of the rows it saw; `parent` and `reference` are md5s of weights, as `model_digest` gives.
    """
    seen = set(rows)
    lineage = {
        "kind": kind, "rows": digest_rows(seen), "n_rows": len(seen), "parent": parent, "reference": reference,
        "params": dict(params), "seed": seed, "threads": threads,
    }  # fmt: skip
    (directory / LINEAGE).write_text(json.dumps(lineage, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _drop_paths(path: Path) -> None:
    """Take out of a JSON config what tells where it was loaded from: equal models must have equal files."""
    config = json.loads(path.read_text())
    for name in ("_name_or_path", "name_or_path", "is_local", "local_files_only"):
        config.pop(name, None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _sort_metadata(path: Path) -> None:
    """Write the header of a safetensors file with sorted keys; the writer puts metadata in random order.

    Format: 8 bytes little-endian length, JSON header padded with spaces, tensors (offsets count from there).
    """
    with path.open("rb+") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        if "__metadata__" in header:
            header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        sorted_header = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(sorted_header) != length:
            raise ValueError(f"{path}: its safetensors header cannot be rewritten in place")
        file.seek(8)
        file.write(sorted_header)
