"""The page that `dvc plots` fills: no network, as committed, and the templates that dvc.yaml names are there."""

import json
import re
from pathlib import Path

import pytest

from pipelines.reporting.plots_page import make_plots_files, make_plots_page
from pipelines.stage import read_yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def page() -> str:
    return make_plots_page()


def test_committed_files_are_those_that_are_made() -> None:
    if not (ROOT / ".dvc/config").exists():
        pytest.skip("not a checkout")
    for place, text in make_plots_files().items():
        assert (ROOT / place).read_text(encoding="utf-8") == text, f"python -m pipelines.reporting.plots_page: {place}"


def test_page_loads_nothing_and_may_not(page: str) -> None:
    assert "default-src 'none'" in page
    markup = re.sub(r"<script>.*?</script>", "<script></script>", page, flags=re.DOTALL)
    assert "http" not in markup.replace("http-equiv", "")
    assert not re.search(r"\b(src|href)\s*=", markup.replace("-src", ""))


def test_dvc_fills_its_placeholders_and_no_cdn(page: str) -> None:
    html = pytest.importorskip("dvc_render.html")
    vega = pytest.importorskip("dvc_render.vega")
    document = html.HTML(page)
    document.with_scripts(vega.VegaRenderer.SCRIPTS)
    document.with_element("<div id='gold'></div>")
    filled = document.embed()
    assert "<div id='gold'></div>" in filled
    assert "cdn" not in filled[filled.rindex("</script>") :]
    assert 'src="http' not in filled


def test_every_template_of_a_plot_is_made() -> None:
    made = make_plots_files()
    for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        for plot in stage.get("plots", []):
            for path, settings in plot.items():
                template = settings.get("template")
                assert f".dvc/plots/{template}.json" in made, f"{name}: {path}"
                text = made[f".dvc/plots/{template}.json"]
                assert "<DVC_METRIC_DATA>" in text
                json.loads(text)
