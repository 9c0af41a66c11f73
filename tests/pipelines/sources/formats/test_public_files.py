"""The public files come in whole: every row is in a table or in quarantine, and known facts hold."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest import IngestError, IngestReport, ingest_file
from pipelines.sources.imports import IMPORTS, read_imports

HH_RLHF = "hh-rlhf/harmless-base/test.jsonl.gz"
PANDALM = "pandalm/data/testset-v1.json"
OLD_PANDALM = "history/pandalm/testset-v1@2023-04-30_65d7cff.json"
OASST = "oasst-sample/model/model_eval/manual/data/en_100_tree.jsonl"
LLMBAR = "llmbar/Dataset/LLMBar"
LEADERBOARD = "alpaca-eval/src/alpaca_eval/leaderboards/data_AlpacaEval/alpaca_eval_gpt4_leaderboard.csv"
SEED_TASKS = "self-instruct/data/seed_tasks.jsonl"
Find = Callable[[str], Path]


def counts(report: IngestReport) -> tuple[int, int, int, int]:
    rows = report.part.rows
    return rows.rows_in, rows.kept, rows.dropped, rows.quarantined


def findings(report: IngestReport) -> dict[str, list[int]]:
    return {finding.name: finding.first_rows for finding in [*report.part.quarantined, *report.part.notes]}


def texts(frame: pl.DataFrame, column: str) -> list[str]:
    return [row[-1]["content"] for row in frame[column].to_list()]


def test_hh_rlhf(tmp_path: Path, public_file: Find) -> None:
    report = ingest_file(tmp_path, public_file(HH_RLHF), "hh-rlhf", licence="MIT")
    assert counts(report) == (2312, 2307, 0, 5)
    assert findings(report) == {
        "no_shared_dialogue": [1255, 1689, 1951, 1953, 2037],
        "empty_side": [87, 517, 926, 1104],
        "repeated_prompt": [1453, 1484],
        "repeated_role": [668, 764, 1320, 1850],
    }
    rankings, candidates = read_imports(tmp_path, "rankings"), read_imports(tmp_path, "candidates")
    assert rankings.height == 2307 and candidates.height == 2 * 2307
    assert rankings["labeler_id"].unique().to_list() == ["hh-rlhf/unknown"]
    assert read_imports(tmp_path, "prompts").height == 2305
    assert texts(candidates, "completion").count("") == 4
    origins = read_imports(tmp_path, "origins")
    assert origins["licence"].unique().to_list() == ["MIT"] and origins["turn"].unique().to_list() == [0]
    assert origins.height == 2307 * 4


def test_hh_rlhf_keeps_every_word(tmp_path: Path, public_file: Find) -> None:
    """Each kept row's transcripts can be written again from its prompt, candidates and ranking."""
    import gzip

    ingest_file(tmp_path, public_file(HH_RLHF), "hh-rlhf")
    names = {"user": "Human", "assistant": "Assistant"}
    prompts = {row["prompt_id"]: row["messages"] for row in read_imports(tmp_path, "prompts").to_dicts()}
    candidates = {row["candidate_id"]: row["completion"] for row in read_imports(tmp_path, "candidates").to_dicts()}
    written = set()
    for ranking in read_imports(tmp_path, "rankings").to_dicts():
        sides = [candidates[tier["candidate_ids"][0]] for tier in ranking["tiers"]]
        dialogues = [prompts[ranking["prompt_id"]] + side for side in sides]
        written.add(tuple("".join(f"\n\n{names[m['role']]}: {m['content']}" for m in d) for d in dialogues))
    with gzip.open(public_file(HH_RLHF), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    quarantined = {1255, 1689, 1951, 1953, 2037}
    expected = {(r["chosen"], r["rejected"]) for n, r in enumerate(rows, start=1) if n not in quarantined}
    assert len(expected) == 2307
    assert written == expected


def test_pandalm(tmp_path: Path, public_file: Find) -> None:
    report = ingest_file(tmp_path, public_file(PANDALM))
    assert report.guessed and report.part.format == "pandalm"
    assert counts(report) == (999, 999, 0, 0)
    assert findings(report)["boolean_read_as_text"] == [158, 159, 160, 162, 163, 165]
    assert report.part.tables["rankings"].rows == 999 * 3
    assert report.part.tables["prompts"].rows == 170
    samples = read_imports(tmp_path, "samples")
    assert set(samples["policy"]) == {"bloom-7b", "cerebras-gpt-6.7B", "llama-7b", "opt-7b", "pythia-6.9b"}
    assert "column 'motivation_app' of 999 rows" in report.part.losses


def test_pandalm_majorities_follow_from_the_rankings(tmp_path: Path, public_file: Find) -> None:
    """105 ties, 422 for the first answer shown, 472 for the second: the file's own majority labels."""
    ingest_file(tmp_path, public_file(PANDALM), "pandalm")
    votes: dict[tuple[str, int], list[int]] = {}
    for row in read_imports(tmp_path, "rankings").to_dicts():
        best = row["tiers"][0]["candidate_ids"]
        verdict = 0 if len(best) == 2 else 1 + row["shown_order"].index(best[0])
        votes.setdefault((row["task_id"], row["round"]), []).append(verdict)
    assert len(votes) == 999 and {len(three) for three in votes.values()} == {3}
    majorities = Counter(Counter(three).most_common(1)[0][0] for three in votes.values())
    assert majorities == {0: 105, 1: 422, 2: 472}


def test_pandalm_with_bare_nan(tmp_path: Path, public_file: Find) -> None:
    """NaN as an absent input is read as none; NaN for an answer is not made up for."""
    report = ingest_file(tmp_path, public_file(OLD_PANDALM), "pandalm")
    assert counts(report) == (999, 945, 0, 54)
    found = {finding.name: finding.rows for finding in [*report.part.quarantined, *report.part.notes]}
    assert found["not_json_nan"] == 54 and found["nan_read_as_absent"] == 165
    newer = ingest_file(tmp_path, public_file(PANDALM), "pandalm")
    assert newer.added
    assert read_imports(tmp_path, "rankings").height == 2997  # the older version's are all among the newer's
    assert read_imports(tmp_path, "prompts").height == 170


@pytest.mark.parametrize(
    ("name", "rows", "empty"),
    [
        ("alpaca/alpaca_en_0-3252.json", 3252, [285, 1224, 1348, 1737]),
        ("alpaca/alpaca_en_51009-52002.json", 993, [380]),
    ],
)
def test_alpaca(tmp_path: Path, public_file: Find, name: str, rows: int, empty: list[int]) -> None:
    report = ingest_file(tmp_path, public_file(name))
    assert counts(report) == (rows, rows, 0, 0)
    assert findings(report) == {"empty_output": empty}
    demonstrations = read_imports(tmp_path, "demonstrations")
    assert demonstrations.height == rows
    assert sum(not text.strip() for text in texts(demonstrations, "completion")) == len(empty)
    expected = [row["output"] for row in json.loads(public_file(name).read_text(encoding="utf-8"))]
    assert Counter(texts(demonstrations, "completion")) == Counter(expected)


def test_alpaca_in_chinese(tmp_path: Path, public_file: Find) -> None:
    report = ingest_file(tmp_path, public_file("alpaca/alpaca-zh-0-3252/04_2023-03-21_566faef.json"), "alpaca")
    assert counts(report)[0] == counts(report)[1] == 3252


def test_seed_tasks(tmp_path: Path, public_file: Find) -> None:
    report = ingest_file(tmp_path, public_file(SEED_TASKS))
    assert report.part.format == "self-instruct" and counts(report) == (175, 175, 0, 0)
    assert read_imports(tmp_path, "demonstrations").height == 175
    kinds = read_imports(tmp_path, "prompts")["kind"].value_counts()
    assert dict(kinds.iter_rows()) == {"classification": 26, None: 149}
    origins = read_imports(tmp_path, "origins").filter(pl.col("table_name") == "prompts")
    assert "seed_task_0/1" in origins["external_id"]


def test_oasst_trees(tmp_path: Path, public_file: Find) -> None:
    """1,167 messages: 480 prompts, 687 replies, of which 641 are ranked, up to nine for one prompt."""
    report = ingest_file(tmp_path, public_file(OASST), licence="Apache-2.0")
    assert report.guessed and report.part.format == "oasst" and counts(report) == (100, 100, 0, 0)
    prompts, candidates = read_imports(tmp_path, "prompts"), read_imports(tmp_path, "candidates")
    assert (prompts.height, candidates.height) == (480, 687)
    assert prompts["messages"].list.len().max() == 5
    rankings = read_imports(tmp_path, "rankings")
    ranked = [[one for tier in row["tiers"] for one in tier["candidate_ids"]] for row in rankings.to_dicts()]
    assert rankings.height == 212 and sum(map(len, ranked)) == 641 and max(map(len, ranked)) == 9
    owners = dict(candidates.select("candidate_id", "prompt_id").iter_rows())
    assert all(
        owners[one] == row["prompt_id"] for row, ids in zip(rankings.to_dicts(), ranked, strict=True) for one in ids
    )
    assert findings(report) == {"unranked_reply": [59]}
    assert set(read_imports(tmp_path, "samples")["policy"]) == {"chip20b"}


def test_oasst_ranks_are_the_files(tmp_path: Path, public_file: Find) -> None:
    """Each ranking, read back as texts best first, is the order of `rank` among the file's siblings."""
    expected: Counter[tuple[str, ...]] = Counter()

    def walk(message: dict[str, Any]) -> None:
        ranked = sorted((one["rank"], one["text"]) for one in message["replies"] if one.get("rank") is not None)
        expected[tuple(text for _, text in ranked)] += len(ranked) > 0
        for reply in message["replies"]:
            walk(reply)

    for line in public_file(OASST).read_text(encoding="utf-8").splitlines():
        walk(json.loads(line)["prompt"])
    ingest_file(tmp_path, public_file(OASST))
    said = {
        row["candidate_id"]: row["completion"][0]["content"] for row in read_imports(tmp_path, "candidates").to_dicts()
    }
    rankings = read_imports(tmp_path, "rankings").to_dicts()
    assert Counter(tuple(said[tier["candidate_ids"][0]] for tier in row["tiers"]) for row in rankings) == +expected


def test_oasst_messages_with_replies_are_the_same_trees(tmp_path: Path, public_file: Find) -> None:
    ingest_file(tmp_path / "a", public_file(OASST))
    ingest_file(tmp_path / "b", public_file(OASST.replace("_tree", "_message")), "oasst")
    for table in ("prompts", "candidates", "rankings", "samples"):
        assert read_imports(tmp_path / "a", table).equals(read_imports(tmp_path / "b", table)), table


def test_llmbar(tmp_path: Path, public_file: Find) -> None:
    rows = 0
    for name in ("Natural", "Adversarial/GPTInst", "Adversarial/GPTOut", "Adversarial/Manual", "Adversarial/Neighbor"):
        report = ingest_file(tmp_path, public_file(f"{LLMBAR}/{name}/dataset.json"), source=f"llmbar/{name}")
        assert report.part.format == "llmbar" and report.part.rows.quarantined == 0
        rows += report.part.rows.rows_in
    assert rows == 419
    rankings = read_imports(tmp_path, "rankings")
    assert rankings.height == 419 and set(rankings["labeler_id"]) == {"llmbar/gold"}


@pytest.mark.parametrize(("judge", "right"), [("GPT-4", (95, 96)), ("ChatGPT", (80, 83)), ("PaLM2", (78, 88))])
def test_llmbar_judges_are_as_right_as_their_statistics_say(
    tmp_path: Path, public_file: Find, judge: str, right: tuple[int, int]
) -> None:
    """How often a judge agrees with gold in each order shown: `correct_False` and `correct_True` of statistics.json."""
    report = ingest_file(tmp_path, public_file(f"{LLMBAR}/Natural/evaluators/{judge}/Vanilla/result.json"))
    assert report.part.format == "llmbar" and counts(report) == (100, 100, 0, 0)
    rankings = read_imports(tmp_path, "rankings").to_dicts()
    gold = {row["task_id"]: row["tiers"] for row in rankings if row["labeler_id"] == "llmbar/gold"}
    judged = [row for row in rankings if row["labeler_id"] == f"llmbar/{judge}/Vanilla"]
    rows = json.loads(public_file(f"{LLMBAR}/Natural/dataset.json").read_text(encoding="utf-8"))
    said = {
        row["candidate_id"]: row["completion"][0]["content"] for row in read_imports(tmp_path, "candidates").to_dicts()
    }
    firsts = {(row["output_1"], row["output_2"]) for row in rows}
    correct = [0, 0]
    for row in judged:
        swapped = tuple(said[one] for one in row["shown_order"]) not in firsts
        correct[swapped] += row["tiers"] == gold[row["task_id"]]
    assert tuple(correct) == right


@pytest.mark.parametrize(
    ("model", "judged", "win_rate"),
    [("alpaca-7b", 805, 26.459627329192543), ("text_davinci_001", 804, 15.17412935323383)],
)
def test_alpaca_eval_gives_the_leaderboards_win_rate(
    tmp_path: Path, public_file: Find, model: str, judged: int, win_rate: float
) -> None:
    """A win counts 1, a draw a half, out of all that were judged."""
    report = ingest_file(tmp_path, public_file(f"alpaca-eval/results/{model}/alpaca_eval_gpt4/annotations.json"))
    assert report.part.format == "alpaca-eval" and counts(report) == (805, 805, 0, 0)
    with public_file(LEADERBOARD).open(encoding="utf-8", newline="") as file:
        assert {row[""]: float(row["win_rate"]) for row in csv.DictReader(file)}[model] == win_rate
    samples = read_imports(tmp_path, "samples").filter(pl.col("policy") == model)
    own = set(samples["candidate_id"])
    rankings = read_imports(tmp_path, "rankings").to_dicts()
    wins = [0.5 if len(row["tiers"]) == 1 else float(row["tiers"][0]["candidate_ids"][0] in own) for row in rankings]
    assert len(wins) == judged and 100 * sum(wins) / judged == pytest.approx(win_rate, abs=1e-9)


def test_alpaca_eval_outputs(tmp_path: Path, public_file: Find) -> None:
    for model, rows in (("alpaca-7b", 805), ("text_davinci_001", 803)):
        report = ingest_file(tmp_path, public_file(f"alpaca-eval/results/{model}/model_outputs.json"))
        assert report.part.format == "alpaca-eval" and counts(report) == (rows, rows, 0, 0)
    policies = read_imports(tmp_path, "samples")["policy"].value_counts()
    assert dict(policies.iter_rows()) == {"alpaca-7b": 805, "text_davinci_001": 803}


def test_eight_models_outputs_for_the_same_prompts(tmp_path: Path, public_file: Find) -> None:
    folder = public_file("self-instruct/human_eval/predictions")
    for path in sorted(folder.glob("*.jsonl")):
        report = ingest_file(tmp_path, path)
        assert report.part.format == "self-instruct-outputs" and counts(report) == (252, 252, 0, 0)
    assert read_imports(tmp_path, "prompts").height == 252
    samples = read_imports(tmp_path, "samples")
    assert samples["policy"].n_unique() == 8 and samples.height == 252 * 8
    ingest_file(tmp_path, folder.parent / "user_oriented_instructions.jsonl")
    assert read_imports(tmp_path, "prompts").height == 252 + 18  # 18 instructions have lost their last blank there


def test_a_growing_csv_counts_its_ragged_rows(tmp_path: Path, public_file: Find) -> None:
    """Of 26 versions eight have a row with too many fields, and seven of these one or two: 13 rows in all."""
    ragged = {}
    for path in sorted(public_file("history/awesome-chatgpt-prompts").glob("*.csv")):
        report = ingest_file(tmp_path, path, mapping=["prompt=prompt"], source=path.stem)
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        bad = [number for number, row in enumerate(rows, start=1) if len(row) != len(header)]
        assert counts(report) == (len(rows), len(rows) - len(bad), 0, len(bad))
        assert [finding.first_rows for finding in report.part.quarantined] == ([bad] if bad else [])
        ragged[path.name[:4]] = len(bad)
    assert sum(ragged.values()) == 13 and ragged["0012"] == 1 and ragged["0019"] == 2 and ragged["0140"] == 0


def test_broken_json_names_file_line_and_mend(tmp_path: Path, public_file: Find) -> None:
    """Line 14006 ends the last row with a comma that another row should follow."""
    with pytest.raises(IngestError) as caught:
        ingest_file(tmp_path, public_file("alpaca/alpaca_zh_broken_json.json"), "alpaca")
    message = str(caught.value)
    assert message.startswith("alpaca_zh_broken_json.json, line 14006, column 6: invalid JSON")
    assert "mend" in message and "\n" not in message
    assert not (tmp_path / IMPORTS).exists()
