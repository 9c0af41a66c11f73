"""The page as a reader and an attacker meet it: whole, offline, escaped, the same bytes for the same turn."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.runner import run_stage
from pipelines.stage import read_yaml
from pipelines.store import read_json, write_csv, write_json, write_parquet
from schemas.ids import pair_id
from schemas.messages import assistant_completion, user_prompt
from schemas.tables import TABLES, conform_frame, empty_frame

ROOT = Path(__file__).parents[2]
FILES = {
    "candidates": "evaluate",
    "dropped": "test",
    "pair_findings": "warnings",
    "samples": "evaluate",
    "scores": "evaluate",
    "training_rows": "sft",
}
"""Tables that several stages write: the file that each has here."""
VOID = {"meta", "br"}
HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(2)>"'&{{ 7 * 7 }}</style>\u202e"""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def prompt(name: str, text: str, kind: str | None = None) -> dict[str, Any]:
    return {"prompt_id": name, "messages": user_prompt(text), "conversation_id": name, "kind": kind}


def demonstration(name: str, prompt_id: str, text: str) -> dict[str, Any]:
    completion = [message | {"train": True} for message in assistant_completion(text)]
    return {"demonstration_id": name, "prompt_id": prompt_id, "completion": completion}


def candidate(name: str, prompt_id: str, text: str) -> dict[str, Any]:
    return {"candidate_id": name, "prompt_id": prompt_id, "completion": assistant_completion(text)}


def drop(table: str, row_id: str, reason: str, **fields: Any) -> dict[str, Any]:
    row = {"table_name": table, "row_id": row_id, "reason": reason, "rule_version": 1, "stage": "test", "turn": 1}
    return row | fields


def finding(pair: str, reason: str, **fields: Any) -> dict[str, Any]:
    return {"pair_id": pair, "reason": reason, "action": "warn", "weight": 1.0, "rule_version": 1} | fields


def greedy(name: str, policy: str) -> dict[str, Any]:
    return {
        "candidate_id": name, "policy": policy * 4, "checkpoint": policy, "sample_index": 1, "turn": 1,
        "temperature": 0.0, "finish_reason": "stop",
    }  # fmt: skip


def ranking(name: str, labeler: str, prompt_id: str, *tiers: str) -> dict[str, Any]:
    return {
        "ranking_id": name, "task_id": prompt_id, "labeler_id": labeler, "round": 1, "prompt_id": prompt_id, "turn": 1,
        "tiers": [{"candidate_ids": [row_id], "tied": False} for row_id in tiers],
    }  # fmt: skip


def frame_of(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    columns = dict(TABLES[table].columns)
    full = [{column: row.get(column) for column in columns} for row in rows]
    return conform_frame(table, pl.DataFrame(full, schema=columns)) if full else empty_frame(table)


def write_project(
    root: Path, rows: Rows, metrics: Mapping[str, Any], plots: Mapping[str, list[dict[str, Any]]]
) -> Path:
    """Everything that dvc.yaml lists as a dep of `report`, empty where nothing is given."""
    root.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml", "versions.yaml"):
        shutil.copy(ROOT / name, root / name)
    for dep in read_yaml(root / "dvc.yaml")["stages"]["report"]["deps"]:
        path, table = root / dep, Path(dep).stem
        if path.suffix == ".json":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("[]" if path.name == "turns.json" else "{}")
        elif table not in TABLES:
            path.mkdir(parents=True)
        elif "past" in path.parts:
            write_parquet(empty_frame(table), path / "turn=000.parquet")
        else:
            file = path if path.suffix else path / f"{FILES[table]}.parquet"
            write_parquet(frame_of(table, rows.get(table, ())), file)
    for name, values in metrics.items():
        write_json(values, root / f"metrics/{name}.json")
    for name, points in plots.items():
        write_csv(points, list(points[0]), root / f"plots/{name}.csv")
    return root


def make_page(root: Path) -> str:
    run_stage(root, "report")
    return (root / "report/index.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Tags with their attributes, and text; fails where tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing, line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


TURN = {
    "prompts": [prompt("p1", "Name a fish.", "fact"), prompt("p2", HOSTILE, "fact"), prompt("p3", "Name a fish!"),
                prompt("p4", "Write to jane.roe@acme-mail.com")],
    "demonstrations": [demonstration("d1", "p1", "A cod swims."), demonstration("d2", "p1", "A cod swims fast."),
                       demonstration("d3", "p1", "Call +44 20 7946 0958."), demonstration("d4", "p4", "Dear Jane,")],
    "candidates": [candidate("c1", "p1", "An owl."), candidate("c2", "p1", "A carp."), candidate("c3", "p1", "A cod."),
                   candidate("c4", "p2", HOSTILE), candidate("c5", "p2", "ask jane.roe@acme-mail.com"),
                   candidate("c6", "p2", "No.")],
    "samples": [greedy(name, policy) for name, policy in
                (("c1", "start"), ("c2", "sft"), ("c3", "policy"), ("c4", "start"), ("c5", "sft"), ("c6", "policy"))],
    "scores": [{"candidate_id": name, "model": model, "score": score} for name, model, score in
               (("c1", "gold", 0.25), ("c3", "gold", 1.0), ("c4", "gold", 0.5), ("c6", "gold", 0.0), ("c3", "m", 1.5))],
    "labelers": [{"labeler_id": HOSTILE, "kind": "simulated"}, {"labeler_id": "l2", "kind": "simulated"}],
    "labeler_stats": [{"labeler_id": HOSTILE, "n_rankings": 1, "reliability": 0.4, "gold_accuracy": 0.5},
                      {"labeler_id": "l2", "n_rankings": 2, "reliability": 0.9}],
    "rankings": [ranking("r1", HOSTILE, "p1", "c1", "c3"), ranking("r2", "l2", "p1", "c3", "c1"),
                 ranking("r3", "l2", "p2", "c6", "c4")],
    "preferences": [{"pair_id": "x", "prompt_id": "p1", "chosen_id": "c3", "rejected_id": "c1", "votes_for": 3,
                     "votes_against": 1, "votes_tie": 0}],
    "pair_findings": [finding("x", "prompt_echoed", value=0.75, threshold=0.5),
                      finding("x", "too_fast", matched_id=HOSTILE),
                      finding("x", "benchmark_in_chosen", matched_id="p2"),
                      finding("x", "low_agreement", action="down_weight", weight=0.5),
                      finding("gone", HOSTILE, matched_id="gone")],
    "dropped": [drop("prompts", "p4", "personal_data", value=1.0, threshold=0.0),
                drop("demonstrations", "d4", "prompt_dropped", matched_id="p4"),
                drop("prompts", "p3", "near_duplicate", value=0.9, threshold=0.8, matched_id="p1"),
                drop("demonstrations", "d3", "personal_data"),
                drop("demonstrations", "d2", "near_duplicate", value=0.85, threshold=0.8, matched_id="d1"),
                drop("rankings", "r1", "unreliable_labeler", value=0.4, threshold=0.65, matched_id=HOSTILE),
                drop("comparisons", f"r3:{pair_id('p2', 'c6', 'c4')}", "empty_side"),
                drop("preferences", pair_id("p1", "c1", "c3"), "tied_consensus"),
                drop("candidates", "gone", HOSTILE)],
}  # fmt: skip
MEANS = {"gold": 0.5, "gold_error": 0.01, "pass_rate": 0.25, "reward": -0.5, "n_tokens": 9.0, "cut_ratio": 0.0}
SUMMARY = [
    {"policy": policy, "mode": mode, "n": 40} | MEANS
    for policy in ("start", "policy", "sft")
    for mode in ("sampled", "greedy")
]
RATE = {"rate": 0.75, "low": 0.7, "high": 0.8, "n_wins": 25, "n_ties": 10, "n_losses": 5}
METRICS = {
    "turn": {"turn": 1, "gold_start": 0.5, "gold_policy": 0.6, "pass_policy": 0.25, "win_rate": 0.75, "kl": 1.5,
             "win_rate_judge": "gold", "reward_accuracy": 0.7, "labeler_agreement": 0.72, "rows_kept": 10},
    "evaluate": {"policies": SUMMARY, "kinds": [row | {"kind": HOSTILE} for row in SUMMARY],
                 "harmful_requests": SUMMARY, "win_rate": {"sampled": RATE, "greedy": RATE},
                 "kl": {"nats": 1.5, "standard_error": 0.2, "n": 40},
                 "reward_against_gold": {"answers": 120, "correlation": 0.4, "rank_correlation": 0.3}},
    "agreement": {"labeler_agreement": 0.72, "labeler_agreement_error": 0.015, "krippendorff_alpha": 0.41,
                  "cohen_kappa": 0.435, "kendall_w": 0.615, "gold_accuracy": 0.875, "n_comparisons": 3, "n_pairs": 2},
    "reward_model": {"accuracy": 0.7, "standard_error": 0.04, "pairs": 112},
    "policy": {"method": "best_of_n", "checkpoint": "checkpoint-2", "mean_reward": {"checkpoint-2": 0.1}},
}  # fmt: skip
PLOTS = {
    "best_of_n": [{"n": n, "reward": n / 10, "gold": n / 20} for n in (1, 2, 4)],
    "reward_against_gold": [{"n": 12, "reward": r / 10, "gold": 0.5} for r in range(-3, 4)],
    "policy": [{"step": step, "reward": step / 10} for step in (1, 2, 3)],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_page(write_project(tmp_path_factory.mktemp("turn") / "project", TURN, METRICS, PLOTS))


def test_page_loads_and_runs_nothing(page: str) -> None:
    tags = Page(page).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "img", "iframe", "object", "embed", "link", "form", "base"})
    for tag, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "")
    assert "default-src 'none'" in page
    assert "url(" not in page and "@import" not in page


def test_hostile_text_is_shown_as_text(page: str) -> None:
    parsed = Page(page)
    shown = """<script>alert(1)</script><img src=x onerror=alert(2)>"'&{{ 7 * 7 }}</style>"""
    places = [text for text in parsed.texts if shown in text]
    assert len(places) >= 6  # prompt, answer, labeler twice, kind, reason
    assert shown + "⟨U+202E⟩" in parsed.text
    assert "<script" not in page.lower()


def test_personal_data_is_nowhere(page: str) -> None:
    assert "jane.roe" not in page and "7946" not in page
    assert Page(page).text.count("not shown: personal data") == 4  # a prompt, two demonstrations, an answer


def test_funnel_counts_add_up_and_drops_show_what_they_matched(page: str) -> None:
    text = Page(page).text
    assert "4 in 2 kept 2 dropped (50.0%)" in text
    assert "4 in 1 kept 3 dropped (75.0%)" in text
    assert "3 in 2 kept 1 dropped (33.3%)" in text and "2 in 1 kept 1 dropped (50.0%)" in text  # comparisons, pairs
    assert "labeler l2" in text  # whose comparison was dropped
    assert "A cod swims <mark>fast.</mark>" in page or "A cod <mark>swims fast.</mark>" in page
    assert "value 0.85 · limit 0.8" in text and "matched d1" in text
    assert text.count("that is not in the table") == 2  # prompt and answer of the candidate `gone`


def test_one_file_has_all_that_curation_did(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", TURN, METRICS | {"audit": {"pairs_found": 1, "warn": {"tie": 1}}}, PLOTS)
    run_stage(root, "report")
    curation = read_json(root / "metrics/curation.json")
    assert curation["funnel"]["prompts"] == {
        "rows": 4, "kept": 2, "dropped": 2, "dropped_by_reason": {"near_duplicate": 1, "personal_data": 1},
    }  # fmt: skip
    assert curation["funnel"]["comparisons"] == {
        "rows": 3, "kept": 2, "dropped": 1, "dropped_by_reason": {"empty_side": 1},
    }  # fmt: skip
    assert curation["agreement"]["labeler_agreement"] == 0.72 and curation["agreement"]["fleiss_kappa"] is None
    assert curation["audit"] == {"pairs_found": 1, "warn": {"tie": 1}} and curation["turn"] == 1


def test_audit_shows_pairs_that_stay_by_what_is_done_with_them(page: str) -> None:
    section = Page(page[page.index('id="audit"') : page.index('id="labelers"')].join(("<section ", "<section ")))
    text = section.text
    assert "each of the 1 preferences: 2 of those that stay" in text
    down, warned = text.index("Weighed down"), text.index("Warned of")
    assert down < text.index("low agreement") < warned < text.index("prompt echoed")
    assert "value 0.75 · limit 0.5" in text and "chosen A cod. rejected An owl." in text
    assert f"labeler {HOSTILE}" in section.texts or "labeler <script>" in text


def test_answers_stand_side_by_side_with_wins_and_losses(page: str) -> None:
    text = Page(page).text
    assert "better than its start on 1, worse on 1, level on 0" in text
    places = [text.rindex(part) for part in ("better fact Name a fish.", "An owl.", "A carp.", "A cod.", "worse fact")]
    assert places == sorted(places)


def test_simulated_labelers_are_called_simulated(page: str) -> None:
    text = Page(page).text
    assert "All 2 labelers are simulated" in text
    assert "72.0% ± 1.5%" in text and "0.410" in text
    assert "Cohen’s kappa 0.435, Kendall’s W 0.615 over kept labelers." in text and "87.5%" in text
    assert "right on gold" in text


def test_equal_turns_make_equal_bytes_wherever_they_lie(page: str, tmp_path: Path) -> None:
    assert make_page(write_project(tmp_path / "elsewhere", TURN, METRICS, PLOTS)) == page
    assert str(tmp_path) not in page


def test_turn_without_anything_still_has_a_page(tmp_path: Path) -> None:
    text = Page(make_page(write_project(tmp_path / "project", {}, {}, {}))).text
    for said in ("no rows yet", "Nobody has ranked", "was not evaluated", "no answers"):
        assert said in text


def test_turn_without_gold_says_so_and_shows_rewards(tmp_path: Path) -> None:
    def forget(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: None if key in ("gold", "gold_error", "pass_rate") else value for key, value in row.items()}

    summary = [forget(row) for row in SUMMARY]
    evaluate = METRICS["evaluate"] | {
        "policies": summary, "kinds": [row | {"kind": "other"} for row in summary], "harmful_requests": [],
        "reward_against_gold": {"answers": 0, "correlation": None, "rank_correlation": None}, "best_of_n": [],
    }  # fmt: skip
    turn = METRICS["turn"] | {
        "gold_start": None,
        "gold_policy": None,
        "pass_policy": None,
        "win_rate_judge": "reward_model",
    }
    rows = dict(TURN) | {"scores": [row for row in TURN["scores"] if row["model"] != "gold"], "demonstrations": []}
    text = Page(
        make_page(write_project(tmp_path / "project", rows, METRICS | {"evaluate": evaluate, "turn": turn}, {}))
    ).text
    assert "There is no gold for these prompts" in text
    assert "The policy wins 75% of answers against its start, by its own reward model" in text
    assert "gold 0." not in text and "Harmful" not in text


def test_second_turn_is_held_against_its_parent(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", TURN, METRICS, PLOTS)
    (root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "turn 1"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True).stdout
    params = (root / "params.yaml").read_text()
    params = params.replace("number: 1 ", "number: 2 ").replace("parent: null", f"parent: {commit.strip()}")
    (root / "params.yaml").write_text(params)
    write_json(
        METRICS["turn"] | {"turn": 2, "gold_policy": 0.75, "win_rate": 0.7, "reward_accuracy": 0.6},
        root / "metrics/turn.json",
    )
    page = make_page(root)
    text = Page(page).text
    assert "Goes on from turn 1" in text
    assert "0.600 0.750 +0.150" in text and "75.0% 70.0% −5.0 pts" in text  # before, now, change
    assert 'delta better">+0.150<' in page and 'delta worse">−10.0 pts<' in page
    assert 'delta level">−5.0 pts<' in page  # of the win rate: its start is a better policy than the one before
