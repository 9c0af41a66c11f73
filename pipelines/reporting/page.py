"""Turns the report's inputs into the text of one HTML page; everything shown is escaped."""

from importlib.resources import files
from typing import Any

from pipelines.reporting.answers import compare_policies
from pipelines.reporting.audit import build_audit
from pipelines.reporting.contamination import build_contamination
from pipelines.reporting.formats import FILTERS
from pipelines.reporting.funnel import build_funnel
from pipelines.reporting.headline import build_figures, compare_turns, name_method, write_headline
from pipelines.reporting.inputs import Inputs
from pipelines.reporting.labeling import build_labeling
from pipelines.reporting.models import list_models
from pipelines.reporting.results import NAMES, build_results, draw_history
from pipelines.reporting.texts import Texts

PACKAGE = "pipelines.reporting"
STYLE = "style.css"


def build_page(inputs: Inputs) -> str:
    """The page; equal inputs give equal text."""
    texts = Texts(inputs.tables, inputs.tables["dropped"], inputs.params)
    return render_page(
        {
            "inputs": inputs, "headline": write_headline(inputs), "method": name_method(inputs),
            "figures": build_figures(inputs),
            "changes": compare_turns(inputs), "history": draw_history(inputs),
            "funnel": build_funnel(inputs, texts), "audit": build_audit(inputs, texts),
            "contamination": build_contamination(inputs, texts),
            "labeling": build_labeling(inputs, texts), "results": build_results(inputs), "names": NAMES,
            "answers": compare_policies(inputs, texts), "models": list_models(inputs),
        }
    )  # fmt: skip


def render_page(values: dict[str, Any]) -> str:
    """Fill the template: autoescaped throughout, and an undefined name is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(read_part), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(FILTERS)
    return environment.get_template("page.html.j2").render(values, style=Markup(read_part(STYLE)))


def read_part(name: str) -> str:
    """A template or the style sheet, from this package."""
    return (files(PACKAGE) / name).read_text(encoding="utf-8")
