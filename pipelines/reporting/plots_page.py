"""Turns the Vega libraries that vl-convert brings into the page that `dvc plots` fills, so that it needs no network.

`python -m pipelines.reporting.plots_page` writes it into a project's .dvc, where `plots.html_template` in .dvc/config
names it, with the templates that the plots in dvc.yaml name.
"""

from importlib.resources import files
from pathlib import Path

from pipelines.store import write_bytes

VEGA_LITE = "5.21"
"""DVC's own templates are of Vega-Lite 5."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline';"
    " img-src 'self' data: blob:"
)
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
{{refresh_tag}}
<title>Plots of the flywheel</title>
<style>
body {{ margin: 0 auto; max-width: 76rem; padding: 2rem; font: 16px/1.5 system-ui, sans-serif; color: #1d1c1a;
  background: #faf9f6; display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }}
h1 {{ flex-basis: 100%; margin: 0; font: 600 2rem/1.2 Charter, Georgia, serif; }}
body > div {{ background: #fff; border: 1px solid #e5e1d8; border-radius: 12px; padding: 1rem; overflow-x: auto; }}
table {{ border-spacing: 1rem; }}
</style>
<script>
{bundle}
</script>
<script>
const drawPlot = vegaEmbed; // a plot without any point comes as {{}}
vegaEmbed = (place, spec) => "data" in spec ? drawPlot(place, spec) : document.querySelector(place).remove();
</script>
</head>
<body>
<h1>Plots of the flywheel</h1>
{{plot_divs}}
</body>
</html>
"""


def make_plots_files() -> dict[str, str]:
    """Texts by path in a project: the page, and Vega-Lite templates."""
    folder = files("pipelines.reporting") / "plots"
    templates = sorted((part for part in folder.iterdir() if part.name.endswith(".json")), key=lambda part: part.name)
    texts = {f".dvc/plots/{part.name}": part.read_text(encoding="utf-8") for part in templates}
    return {".dvc/plots.html": make_plots_page(), **texts}


def make_plots_page() -> str:
    """A page with DVC's placeholders {plot_divs} and {refresh_tag}; without {scripts} DVC names no CDN.

    Raises:
        ValueError: the bundle holds what would end its script, or what DVC would fill.
    """
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE).strip()
    for text in ("</script", "<!--", "{plot_divs}", "{refresh_tag}", "{scripts}"):
        if text in bundle:
            raise ValueError(f"the Vega bundle of this vl-convert holds {text}: pin another version")
    return PAGE.format(policy=POLICY, bundle=bundle)


if __name__ == "__main__":
    for place, text in make_plots_files().items():
        write_bytes(text.encode(), Path(place))
