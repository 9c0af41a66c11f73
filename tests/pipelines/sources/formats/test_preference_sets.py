"""Each preference set keeps what its rows say: who judged, of whose answers, how surely, and what is tied."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from preference_examples import ARENA, CONVERSATIONS, NECTAR, PREFERENCES, ROWS, SHP, SUMMARIZE, ULTRAFEEDBACK, WEBGPT
from preference_files import Taken

from pipelines.ingest import ingest_file
from pipelines.sources.imports import read_imports
from schemas import ids


def test_ultrafeedback_rates_each_answer_and_ranks_by_the_aspects_mean(tmp_path: Path) -> None:
    """(2 + 1 + 3) / 3 = 2 for the first answer, whose honesty is not rated; (5 + 5 + 5 + 3) / 4 = 4.5."""
    taken = Taken(tmp_path, [ULTRAFEEDBACK], "ultrafeedback")
    [ranking] = taken.rankings()
    assert taken.tiers(ranking) == [({"See the pyramids."}, False), ({"Go rafting on the Nile."}, False)]
    assert (ranking["labeler_id"], ranking["batch"]) == ("ultrafeedback/gpt-4", "mean_of_ratings")
    assert taken.policies() == {"Go rafting on the Nile.": "falcon-40b-instruct", "See the pyramids.": "gpt-4"}
    ratings = {
        (taken.texts[row["candidate_id"]][:2], row["aspect"]): (row["value"], row["min"], row["max"], row["flags"])
        for row in taken.table("ratings").to_dicts()
    }
    assert ratings == {
        ("Go", "instruction_following"): (2, 1, 5, None), ("Go", "truthfulness"): (1, 1, 5, ["type_1", "type_2"]),
        ("Go", "helpfulness"): (3, 1, 5, ["type_2"]), ("Go", "overall_score"): (10, 1, 10, ["false_overall_score"]),
        ("Se", "instruction_following"): (5, 1, 5, None), ("Se", "honesty"): (5, 1, 5, None),
        ("Se", "truthfulness"): (5, 1, 5, None), ("Se", "helpfulness"): (3, 1, 5, ["type_1"]),
        ("Se", "overall_score"): (8.5, 1, 10, None),
    }  # fmt: skip
    assert taken.table("labelers").row(0, named=True)["kind"] == "llm"


@pytest.mark.parametrize(("ratings", "is_false"), [("11", True), ("44", True), ("45", False), ("55", False)])
def test_a_ten_is_false_where_the_aspects_say_otherwise(tmp_path: Path, ratings: str, is_false: bool) -> None:
    """github.com/OpenBMB/UltraFeedback/issues/8: a mean of 4 or less beside an overall score of 10."""
    annotations = {"honesty": [{"Rating": ratings[0]}], "helpfulness": {"Rating": int(ratings[1])}}
    completion = {"model": "m", "response": "r", "overall_score": "10", "annotations": annotations}
    taken = Taken(tmp_path, [{"instruction": "i", "completions": [completion]}], "ultrafeedback")
    assert ("false_overall_score" in taken.notes()) is is_false
    assert taken.table("ratings").filter(pl.col("aspect") == "overall_score")["value"].to_list() == [10]
    assert taken.table("rankings").is_empty()  # one answer has nothing to be ranked against


def test_ratings_given_again_are_rounds(tmp_path: Path) -> None:
    """The second answer's helpfulness is rated 3, 4, 3, 3 and 5 in five rows: three judgements, as rows have no ids."""
    taken = Taken(tmp_path / "a", ROWS["ultrafeedback"], "ultrafeedback")
    helpful = taken.table("ratings").filter(pl.col("aspect") == "helpfulness", pl.col("value") != 3)
    helpful = taken.table("ratings").join(helpful, on=["candidate_id", "aspect"], how="semi").sort("round")
    assert helpful["round"].to_list() == [1, 2, 3] and sorted(helpful["value"]) == [3, 4, 5]
    more = Taken(tmp_path / "b", ROWS["ultrafeedback"][1:2], "ultrafeedback")
    assert set(more.table("ratings")["round"]) == {1}
    again = Taken(tmp_path / "b", ROWS["ultrafeedback"], "ultrafeedback")  # a later file keeps the earlier round
    later = again.table("ratings").join(helpful, on=["candidate_id", "aspect"], how="semi").sort("round")
    assert later["value"][0] == 4 and sorted(later["value"]) == [3, 4, 5]


def test_shp_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [SHP, SHP, {**SHP, "labels": 2}], "shp")
    [ranking] = taken.rankings()
    assert taken.tiers(ranking) == [({"It's ironic."}, False), ({"Currently wrapping up my PhD."}, False)]
    assert (ranking["labeler_id"], ranking["batch"]) == ("shp/askacademia", "askacademia_train")
    assert ranking["strength"] == 1.0384615385 and ranking["shown_order"] is None
    assert (taken.part.rows.dropped, taken.reasons()) == (1, ["unknown_verdict"])
    named = taken.table("origins").filter(pl.col("table_name") == "candidates")["external_id"]
    assert set(named) == {"himc90/fwhnqat/fwhp8d4/human_ref_A", "himc90/fwhnqat/fwhp8d4/human_ref_B"}
    assert taken.table("samples").is_empty()


def test_shp_label_against_the_votes_is_noted(tmp_path: Path) -> None:
    assert Taken(tmp_path, [{**SHP, "labels": 1}], "shp").notes() == {"label_against_votes": [1]}


def test_summarize_from_feedback_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [SUMMARIZE], "summarize-from-feedback")
    [ranking] = taken.rankings()
    assert [texts for texts, _ in taken.tiers(ranking)] == [
        {" how can i get an investigation ?"}, {" car accident caused damage"}
    ]  # fmt: skip
    assert ranking["labeler_id"] == "summarize-from-feedback/ikNmucwunMnYJCQpnq6ZYb57OW7NiD"
    assert (ranking["strength"], ranking["batch"]) == (8, "batch9/train")
    asked = taken.table("prompts")["messages"][0][0]["content"]
    assert asked == "SUBREDDIT: r/legaladvice\n\nTITLE: Dutch law?\n\nPOST: I had a car accident on friday.\n\nTL;DR:"
    assert set(taken.policies().values()) == {
        "summarize-from-feedback/ref", "summarize-from-feedback/sup4_ppo_rm3_kl10"
    }  # fmt: skip


def test_summarize_from_feedback_of_a_news_article_without_confidence(tmp_path: Path) -> None:
    info = {"id": "x", "post": None, "title": "T", "subreddit": None, "site": "cnn", "article": "News."}
    taken = Taken(tmp_path, [{**SUMMARIZE, "info": info, "extra": {"confidence": None}}], "summarize-from-feedback")
    assert taken.table("prompts")["messages"][0][0]["content"] == "News.\n\nTL;DR:"
    assert taken.rankings()[0]["strength"] is None


def test_a_worker_asked_twice_gives_two_rounds_and_another_worker_one(tmp_path: Path) -> None:
    rankings = Taken(tmp_path, ROWS["summarize-from-feedback"], "summarize-from-feedback").table("rankings")
    assert rankings["task_id"].n_unique() == 1  # the order of the two summaries makes no other task
    rounds = rankings.group_by("labeler_id").agg(pl.col("round").sort()).sort("labeler_id")["round"].to_list()
    assert rounds == [[1, 2, 3], [1]]


def test_webgpt_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [WEBGPT, {**WEBGPT, "score_0": 0, "score_1": 0.0}], "webgpt")
    rankings = sorted(taken.rankings(), key=lambda row: row["strength"])
    assert taken.tiers(rankings[0]) == [({"Les Reed [1].", "Reed wrote it."}, True)]
    assert taken.tiers(rankings[1]) == [({"Les Reed [1]."}, False), ({"Reed wrote it."}, False)]
    assert [row["strength"] for row in rankings] == [0, 0.75]
    prompt = ids.prompt_id([{"role": "user", "content": "Who composed the tune?"}])
    quoted = {"role": "tool", "content": "[1] Tunes (tunes.org)\nIt was composed by Reed.", "name": "quotes"}
    cited = ids.candidate_id(prompt, [quoted, {"role": "assistant", "content": "Les Reed [1]."}])
    bare = ids.candidate_id(prompt, [{"role": "assistant", "content": "Reed wrote it."}])
    assert set(taken.table("candidates")["candidate_id"]) == {cited, bare}


def test_webgpt_as_openai_published_it_is_the_same(tmp_path: Path) -> None:
    """Each line is a list of two objects."""
    halves = [
        {"question": WEBGPT["question"], **{c: WEBGPT[f"{c}_{side}"] for c in ("quotes", "answer", "tokens", "score")}}
        for side in (0, 1)
    ]
    published = Taken(tmp_path / "a", [halves, halves, [halves[0], {**halves[1], "question": {}}]], "webgpt")
    flat = Taken(tmp_path / "b", [WEBGPT], "webgpt")
    assert published.reasons() == ["no_shared_prompt"]
    for name in ("prompts", "candidates", "rankings"):
        assert published.table(name).equals(flat.table(name))
    assert ingest_file(tmp_path / "c", tmp_path / "a" / "f.jsonl").part.format == "webgpt"


@pytest.mark.parametrize("scores", [(0.5, 0.5), (0, 1), (-1, -0.5)])
def test_webgpt_scores_that_name_no_winner_are_quarantined(tmp_path: Path, scores: tuple[float, float]) -> None:
    row = {**WEBGPT, "score_0": scores[0], "score_1": scores[1]}
    assert Taken(tmp_path, [WEBGPT, row], "webgpt").reasons() == ["unknown_verdict"]


def test_nectar_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [NECTAR], "nectar")
    [ranking] = taken.rankings()
    assert taken.tiers(ranking) == [({"Knock knock."}, False), ({"No.", "Why not."}, True), ({"..."}, False)]
    asked = [(message["role"], message["content"]) for message in taken.table("prompts")["messages"][0]]
    assert asked == [("user", "Hi"), ("assistant", "Yes?"), ("user", "A joke.")]
    assert taken.policies()["No."] == "llama-2-7b-chat" and ranking["labeler_id"] == "nectar/gpt-4"


def test_nectar_answer_with_two_ranks_is_unjudged(tmp_path: Path) -> None:
    answers = [{"answer": text, "model": "m", "rank": rank} for text, rank in (("a", 1), ("b", 2), ("a", 3))]
    taken = Taken(tmp_path, [{"prompt": NECTAR["prompt"], "answers": answers}], "nectar")
    assert taken.tiers(taken.rankings()[0]) == [({"b"}, False)]
    assert taken.notes() == {"same_answer_two_places": [1]}


def test_chatbot_arena_by_hand(tmp_path: Path) -> None:
    """A user's second message stands in the completions: it followed two different replies."""
    taken = Taken(tmp_path, [ARENA, {**ARENA, "id": 2, "winner_model_a": "0", "winner_tie": "1"}], "chatbot-arena")
    rankings = sorted(taken.rankings(), key=lambda row: len(row["tiers"]))
    assert taken.tiers(rankings[0]) == [({"Done.", ""}, True)]
    assert taken.tiers(rankings[1]) == [({"Done."}, False), ({""}, False)]
    assert [taken.texts[shown] for shown in rankings[0]["shown_order"]] == ["Done.", ""]
    assert taken.table("prompts")["messages"][0].to_list()[0]["content"] == "Is it right?"
    said = {
        row[-1]["content"]: [(m["role"], m["content"]) for m in row] for row in taken.table("candidates")["completion"]
    }
    assert said["Done."] == [("assistant", "It is a question."), ("user", "OK, do it."), ("assistant", "Done.")]
    assert taken.policies() == {"Done.": "gpt-4-1106-preview", "": "gpt-4-0613"}
    assert taken.notes()["null_message"] == [1, 2]


def test_chatbot_arenas_conversations_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [CONVERSATIONS], "chatbot-arena-conversations")
    [ranking] = taken.rankings()
    assert taken.tiers(ranking) == [({"Gone."}, False), ({"Where?"}, False)]
    assert [taken.texts[shown] for shown in ranking["shown_order"]] == ["Where?", "Gone."]
    assert ranking["labeler_id"] == "chatbot-arena/arena_user_973"
    assert ranking["created_at"] == datetime(2023, 4, 24, 15, 53, 11, 132200, tzinfo=UTC)
    assert [message["content"] for message in taken.table("prompts")["messages"][0]] == ["Hi"]
    assert taken.policies() == {"Where?": "chatglm-6b", "Gone.": "koala-13b"}


def test_the_later_releases_of_chatbot_arena_name_nobody_or_a_hash(tmp_path: Path) -> None:
    """That of 140k has `both_bad` for a verdict, contents in parts, and no column of who voted."""
    parts = {side: [{**said, "content": [{"type": "text", "text": said["content"], "image": None}]}
                    for said in CONVERSATIONS[side]] for side in ("conversation_a", "conversation_b")}  # fmt: skip
    common = {name: CONVERSATIONS[name] for name in ("model_a", "model_b", "conversation_a", "conversation_b")}
    rows = [
        {**common, "question_id": "q1", "winner": "model_a", "judge_hash": "ab12", "tstamp": 1.7e9},
        {**common, **parts, "id": "v2", "winner": "both_bad", "evaluation_session_id": "s", "evaluation_order": 1},
    ]
    taken = Taken(tmp_path, rows)
    assert taken.part.format == "chatbot-arena-conversations"
    by_labeler = {ranking["labeler_id"]: taken.tiers(ranking) for ranking in taken.rankings()}
    assert by_labeler == {
        "chatbot-arena/ab12": [({"Where?"}, False), ({"Gone."}, False)],
        "chatbot-arena/unknown": [({"Where?", "Gone."}, True)],
    }
    assert taken.table("ratings")["labeler_id"].to_list() == ["chatbot-arena/unknown"] * 2
    assert taken.notes()["unknown_labeler"] == [2]
    origins = set(taken.table("origins")["external_id"].str.split("/").list.first())
    assert origins == {"q1", "v2"}


def test_a_tie_of_two_bad_conversations_says_so(tmp_path: Path) -> None:
    row = {**CONVERSATIONS, "winner": "tie (bothbad)"}
    taken = Taken(tmp_path, [row], "chatbot-arena-conversations")
    assert taken.tiers(taken.rankings()[0]) == [({"Gone.", "Where?"}, True)]
    assert taken.table("ratings").select("aspect", "value").rows() == [("bad", 1), ("bad", 1)]


def test_a_vote_on_the_first_reply_is_on_no_more(tmp_path: Path) -> None:
    """As in MT-Bench, whose rows of turn 1 hold both replies too."""
    row = {**CONVERSATIONS, "turn": 1, "judge": "gpt4_pair"}
    taken = Taken(tmp_path, [row], "chatbot-arena-conversations")
    assert set(taken.texts.values()) == {"Yes?", "Hello."}
    assert taken.table("labelers")["kind"].to_list() == ["llm"]


def test_chatbot_arena_from_its_csv_file(tmp_path: Path) -> None:
    """The set is a CSV file, whose numbers are text and whose lists are JSON in a field."""
    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ARENA))
        writer.writeheader()
        writer.writerow(ARENA)
    assert ingest_file(tmp_path / "a", tmp_path / "train.csv").part.format == "chatbot-arena"
    lines = Taken(tmp_path / "b", [ARENA], "chatbot-arena")
    for name in ("prompts", "candidates", "samples", "rankings"):
        assert read_imports(tmp_path / "a", name).equals(lines.table(name))


@pytest.mark.parametrize("name", ["ultrafeedback", "nectar", "shp", "webgpt", "summarize-from-feedback"])
def test_sets_from_parquet_are_those_from_json(tmp_path: Path, name: str) -> None:
    """Hugging Face keeps the sets as Parquet, where each struct has all members and types are one a column."""
    row = json.loads(json.dumps(PREFERENCES[name]).replace('"Type": "None"', '"Type": ["None"]'))
    pl.DataFrame([row], strict=False).write_parquet(tmp_path / "train.parquet")
    assert ingest_file(tmp_path / "a", tmp_path / "train.parquet").part.format == name
    lines = Taken(tmp_path / "b", [row], name)
    for table in ("prompts", "candidates", "samples", "rankings", "ratings"):
        assert read_imports(tmp_path / "a", table).equals(lines.table(table))


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("ultrafeedback", {**ULTRAFEEDBACK, "completions": []}, "no_completions"),
        ("ultrafeedback", {**ULTRAFEEDBACK, "completions": [{"model": "m"}]}, "missing_column"),
        ("ultrafeedback", {**ULTRAFEEDBACK, "completions": [{"model": "m", "response": "", "overall_score": "high"}]},
         "wrong_type"),
        ("shp", {**SHP, "c_root_id_A": None}, "wrong_type"),
        ("shp", {**SHP, "labels": 10**400}, "wrong_type"),
        ("shp", {**SHP, "labels": True}, "wrong_type"),
        ("summarize-from-feedback", {**SUMMARIZE, "summaries": SUMMARIZE["summaries"][:1]}, "not_two_sides"),
        ("summarize-from-feedback", {**SUMMARIZE, "choice": 2}, "unknown_verdict"),
        ("summarize-from-feedback", {**SUMMARIZE, "info": {"id": "x"}}, "missing_column"),
        ("webgpt", {**WEBGPT, "quotes_0": {"title": ["a"], "extract": []}}, "uneven_lists"),
        ("webgpt", {**WEBGPT, "answer_1": None}, "wrong_type"),
        ("nectar", {**NECTAR, "prompt": "A joke."}, "no_transcript"),
        ("nectar", {**NECTAR, "answers": []}, "no_answers"),
        ("nectar", {**NECTAR, "answers": [{"answer": "a", "model": "", "rank": 1}]}, "not_a_record"),
        ("chatbot-arena", {**ARENA, "response_a": '["one"]'}, "uneven_lists"),
        ("chatbot-arena", {**ARENA, "response_a": "one"}, "wrong_type"),
        ("chatbot-arena", {**ARENA, "response_a": "[" * 100_000}, "wrong_type"),
        ("chatbot-arena", {**ARENA, "response_a": json.dumps(["\ud83d", ""])}, "lone_surrogate"),
        ("chatbot-arena", {**ARENA, "prompt": "[]", "response_a": "[]", "response_b": "[]"}, "no_prompt"),
        ("chatbot-arena", {**ARENA, "winner_tie": 1}, "unknown_verdict"),
        ("chatbot-arena", {**ARENA, "winner_model_a": 0.5}, "unknown_verdict"),
        ("chatbot-arena-conversations", {**CONVERSATIONS, "winner": "a"}, "unknown_verdict"),
        ("chatbot-arena-conversations", {**CONVERSATIONS, "tstamp": 1e300}, "wrong_type"),
        ("chatbot-arena-conversations", {**CONVERSATIONS, "conversation_b": CONVERSATIONS["conversation_b"][1:]},
         "no_shared_dialogue"),
        ("chatbot-arena-conversations", {**CONVERSATIONS, "conversation_b": CONVERSATIONS["conversation_b"][:1]},
         "no_reply"),
    ],
)  # fmt: skip
def test_a_bad_row_is_quarantined(tmp_path: Path, name: str, row: dict[str, Any], reason: str) -> None:
    taken = Taken(tmp_path, [row, ROWS[name][0]], name)
    assert taken.reasons() == [reason] and taken.part.rows.kept == 1
