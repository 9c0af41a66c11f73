"""The smallest turn that does everything: for tests, where what is learnt does not matter."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SMALL: dict[str, Any] = {
    "threads": 1,
    "sandbox.n_documents": 300,
    "sandbox.n_train_prompts": 80,
    "sandbox.n_validation_prompts": 16,
    "sandbox.n_benchmark_prompts": 24,
    "start.vocabulary_tokens": 400,
    "start.hidden_size": 32,
    "start.layers": 1,
    "start.attention_heads": 2,
    "start.pretrain.steps": 30,
    "evaluate.best_of_prompts": 8,
    "evaluate.bootstrap_resamples": 100,
}


def set_params(project: Path, changes: dict[str, Any]) -> None:
    """Set dotted keys of a project's params.yaml; an unknown key is an error."""
    yaml, path = YAML(), project / "params.yaml"
    values = yaml.load(path)
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = values
        for part in sections:
            section = section[part]
        assert name in section, key
        section[name] = value
    yaml.dump(values, path)
