"""params.yaml and its mirror agree: nothing missing, nothing extra, no default in code."""

import copy
import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from schemas import curation_params, params, training_params
from schemas.sections import Section

ROOT = Path(__file__).parents[2]


VALUES: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


def all_sections() -> list[type[BaseModel]]:
    modules = (params, curation_params, training_params)
    classes = {cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass)}
    return sorted((cls for cls in classes if issubclass(cls, Section)), key=lambda cls: cls.__name__)


def find_models(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in find_models(argument)]


def key_paths(values: Any, section: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of every section of params.yaml, the top one included."""
    paths = [path]
    for name, field in section.model_fields.items():
        for model in find_models(field.annotation)[:1]:
            if isinstance(values.get(name), dict):
                paths += key_paths(values[name], model, (*path, name))
    return paths


def section_at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for part in path:
        values = values[part]
    return values


def test_params_yaml_is_what_its_mirror_says() -> None:
    parsed = params.parse_params(VALUES)
    assert parsed.turn.number >= 1


@pytest.mark.parametrize("path", key_paths(VALUES, params.Params), ids=".".join)
def test_unknown_keys_are_refused_by_name(path: tuple[str, ...]) -> None:
    values = copy.deepcopy(VALUES)
    section_at(values, path)["lerning_rate"] = 1
    with pytest.raises(params.ParamsError) as caught:
        params.parse_params(values)
    assert ".".join((*path, "lerning_rate")) in str(caught.value)


@pytest.mark.parametrize("path", key_paths(VALUES, params.Params), ids=".".join)
def test_each_key_is_needed(path: tuple[str, ...]) -> None:
    for key in section_at(VALUES, path):
        values = copy.deepcopy(VALUES)
        del section_at(values, path)[key]
        with pytest.raises(params.ParamsError) as caught:
            params.parse_params(values)
        assert ".".join((*path, key)) in str(caught.value)


def test_no_default_lives_in_the_mirror() -> None:
    with_default = [
        f"{section.__name__}.{name}"
        for section in all_sections()
        for name, field in section.model_fields.items()
        if not field.is_required()
    ]
    assert with_default == []


@pytest.mark.parametrize("section", all_sections())
def test_sections_are_frozen_and_closed(section: type[BaseModel]) -> None:
    assert section.model_config["frozen"] and section.model_config["extra"] == "forbid"


def test_faults_are_told_one_a_line() -> None:
    values = copy.deepcopy(VALUES)
    values["seed"], values["threads"] = "one", 0
    with pytest.raises(params.ParamsError) as caught:
        params.parse_params(values, "my.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("my.yaml: seed: ") and lines[1].startswith("my.yaml: threads: ")
