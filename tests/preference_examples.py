"""Rows of preference sets as their sources write them, shortened: one good row a format, and several that overlap."""

import json
from typing import Any

ULTRAFEEDBACK: dict[str, Any] = {
    "source": "sharegpt", "instruction": "What to see in Cairo?", "models": ["falcon-40b-instruct", "gpt-4"],
    "correct_answers": ["None"], "incorrect_answers": ["None"],
    "completions": [
        {
            "model": "falcon-40b-instruct", "principle": "helpfulness", "custom_system_prompt": "Be positive.",
            "response": "Go rafting on the Nile.", "critique": "Rafting is not possible there.",
            "overall_score": 10.0, "fine-grained_score": 2.0,
            "annotations": {
                "instruction_following": {"Rating": "2", "Rationale": "Ignores the family's needs."},
                "honesty": {"Rating": "N/A", "Rationale": "Nothing to say."},
                "truthfulness": {"Type": ["1", "2"], "Rationale": "No.", "Rating": "1", "Rationale For Rating": "No."},
                "helpfulness": {"Type": ["2"], "Rationale": "Clear.", "Rating": "3", "Rationale For Rating": "Fair."},
            },
        },
        {
            "model": "gpt-4", "principle": "honesty", "custom_system_prompt": "Be honest.",
            "response": "See the pyramids.", "critique": "Good.", "overall_score": 8.5, "fine-grained_score": 4.5,
            "annotations": {
                "instruction_following": {"Rating": "5", "Rationale": "All."},
                "honesty": {"Rating": "5", "Rationale": "Sure."},
                "truthfulness": {"Type": "None", "Rationale": "None.", "Rating": "5", "Rationale For Rating": "True."},
                "helpfulness": {"Type": ["1"], "Rationale": "Clear.", "Rating": "3", "Rationale For Rating": "Short."},
            },
        },
    ],
}  # fmt: skip
SHP: dict[str, Any] = {
    "post_id": "himc90", "domain": "askacademia_train", "upvote_ratio": 0.99, "history": "Would Higgs get a job today?",
    "c_root_id_A": "fwhnqat", "c_root_id_B": "fwhp8d4", "created_at_utc_A": 1593535113, "created_at_utc_B": 1593535824,
    "score_A": 52, "score_B": 54, "human_ref_A": "Currently wrapping up my PhD.", "human_ref_B": "It's ironic.",
    "labels": 0, "seconds_difference": 711.0, "score_ratio": 1.0384615385,
}  # fmt: skip
SUMMARIZE: dict[str, Any] = {
    "info": {
        "id": "t3_2vwp1w", "post": "I had a car accident on friday.", "title": "Dutch law?", "subreddit": "legaladvice",
        "site": None, "article": None,
    },
    "summaries": [
        {"text": " car accident caused damage", "policy": "sup4_ppo_rm3_kl10", "note": "Was he fast?"},
        {"text": " how can i get an investigation ?", "policy": "ref", "note": None},
    ],
    "choice": 1, "worker": "ikNmucwunMnYJCQpnq6ZYb57OW7NiD", "batch": "batch9", "split": "train",
    "extra": {"confidence": 8},
}  # fmt: skip
WEBGPT: dict[str, Any] = {
    "question": {"dataset": "triviaqa", "id": "qw_1013", "full_text": "Who composed the tune?"},
    "quotes_0": {"title": ["Tunes (tunes.org)"], "extract": ["It was composed by Reed."]},
    "answer_0": "Les Reed [1].", "tokens_0": {"prefix": [1], "completion": [2]}, "score_0": 0.75,
    "quotes_1": {"title": [], "extract": []}, "answer_1": "Reed wrote it.",
    "tokens_1": {"prefix": [1], "completion": [3]}, "score_1": -0.75,
}  # fmt: skip
NECTAR: dict[str, Any] = {
    "prompt": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: A joke.\n\nAssistant: ",
    "answers": [
        {"answer": "Knock knock.", "model": "gpt-4", "rank": 1.0},
        {"answer": "No.", "model": "llama-2-7b-chat", "rank": 2.0},
        {"answer": "Why not.", "model": "gpt-3.5-turbo", "rank": 2.0},
        {"answer": "...", "model": "mistral-7b-instruct-v0.1", "rank": 4.0},
    ],
    "turns": 2, "num_responses": 4, "source": ["lmsys-chat-1m"], "good_natured": True,
}  # fmt: skip
ARENA: dict[str, Any] = {
    "id": 30192, "model_a": "gpt-4-1106-preview", "model_b": "gpt-4-0613",
    "prompt": json.dumps(["Is it right?", "OK, do it."]), "response_a": json.dumps(["It is a question.", "Done."]),
    "response_b": json.dumps(["As an AI, I have none.", None]),
    "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0,
}  # fmt: skip

CONVERSATIONS: dict[str, Any] = {
    "question_id": "58210e39", "model_a": "chatglm-6b", "model_b": "koala-13b", "winner": "model_b",
    "judge": "arena_user_973", "turn": 2, "anony": True, "language": "English", "tstamp": 1682351591.1322,
    "conversation_a": [
        {"content": "Hi", "role": "user"}, {"content": "Yes?", "role": "assistant"}, {"content": "Go", "role": "user"},
        {"content": "Where?", "role": "assistant"},
    ],
    "conversation_b": [
        {"content": "Hi", "role": "user"}, {"content": "Hello.", "role": "assistant"},
        {"content": "Go", "role": "user"}, {"content": "Gone.", "role": "assistant"},
    ],
    "openai_moderation": {"flagged": False}, "toxic_chat_tag": {},
}  # fmt: skip


def annotate(id_: int, user: Any, ranker: Any, **more: Any) -> dict[str, Any]:
    """An annotation of Label Studio; `ranker` is its value."""
    result = {
        "from_name": "rank", "to_name": "results", "type": "ranker", "id": "x", "origin": "manual",
        "value": {"ranker": ranker},
    }  # fmt: skip
    return {
        "id": id_, "completed_by": user, "was_cancelled": False, "ground_truth": False, "lead_time": 12.5,
        "created_at": "2026-01-05T09:30:00.250000Z", "updated_at": "2026-01-05T09:31:00Z", "result": [result], **more,
    }  # fmt: skip


LABEL_STUDIO: dict[str, Any] = {
    "id": 3, "project": 1, "inner_id": 1, "drafts": [], "predictions": [],
    "data": {
        "prompt": "What ruined the library?",
        "items": [
            {"id": "llm_1", "title": "LLM 1", "body": "Wars."}, {"id": "llm_2", "title": "LLM 2", "body": "Fire."},
            {"id": "llm_3", "title": "LLM 3", "body": "Neglect."},
        ],
    },
    "annotations": [
        annotate(11, 7, {"rank": ["llm_2", "llm_1", "llm_3"]}),
        annotate(12, 8, {"rank": ["llm_1", "llm_2"]}, was_cancelled=True),
    ],
}  # fmt: skip
ARGILLA: dict[str, Any] = {
    "id": "r1", "_server_id": "s1", "metadata": {"source": "x"}, "vectors": {},
    "suggestions": {"ranking": {"value": [{"value": "response_1", "rank": 1}], "score": None, "agent": "gpt-4"}},
    "fields": {"prompt": "Add 1 2", "response_1": "3", "response_2": "4", "response_3": "three"},
    "responses": {
        "ranking": [
            {
                "value": [
                    {"value": "response-1", "rank": 1}, {"value": "response-3", "rank": 1},
                    {"value": "response-2", "rank": 3},
                ],
                "user_id": "ann",
            },
            {"value": [{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 2}], "user_id": "bob"},
        ]
    },
}  # fmt: skip

PREFERENCES: dict[str, dict[str, Any]] = {
    "ultrafeedback": ULTRAFEEDBACK, "shp": SHP, "summarize-from-feedback": SUMMARIZE, "webgpt": WEBGPT,
    "nectar": NECTAR, "chatbot-arena": ARENA, "chatbot-arena-conversations": CONVERSATIONS,
    "label-studio": LABEL_STUDIO, "argilla": ARGILLA,
}  # fmt: skip


def _rerate(rating: str, score: float) -> dict[str, Any]:
    """The UltraFeedback row with another rating of the second answer."""
    first, second = ULTRAFEEDBACK["completions"]
    annotations = {**second["annotations"], "helpfulness": {"Type": ["1"], "Rating": rating}}
    return {**ULTRAFEEDBACK, "completions": [first, {**second, "annotations": annotations, "overall_score": score}]}


ROWS: dict[str, list[dict[str, Any]]] = {
    "ultrafeedback": [ULTRAFEEDBACK, _rerate("4", 7), _rerate("3", 9), ULTRAFEEDBACK, _rerate("5", 8.5)],
    "shp": [SHP, {**SHP, "c_root_id_A": "other", "labels": 1}, {**SHP, "c_root_id_B": "x", "human_ref_B": "Yes."}],
    "summarize-from-feedback": [
        SUMMARIZE, {**SUMMARIZE, "choice": 0}, {**SUMMARIZE, "batch": "batch10", "extra": {"confidence": None}},
        {**SUMMARIZE, "worker": "w2", "summaries": SUMMARIZE["summaries"][::-1]},
    ],
    "webgpt": [
        WEBGPT, {**WEBGPT, "score_0": 0, "score_1": 0}, {**WEBGPT, "score_0": -1, "score_1": 1},
        {**WEBGPT, "quotes_0": WEBGPT["quotes_1"]},
    ],
    "nectar": [
        NECTAR, {**NECTAR, "answers": NECTAR["answers"][1:]}, {**NECTAR, "answers": NECTAR["answers"][::-1]},
        {**NECTAR, "answers": [{**a, "rank": 5.0 - a["rank"]} for a in NECTAR["answers"]]},
    ],
    "chatbot-arena": [
        ARENA, {**ARENA, "id": 9, "winner_model_a": 0, "winner_tie": 1}, {**ARENA, "id": 100},
        {**ARENA, "id": 11, "response_a": ARENA["response_b"], "response_b": ARENA["response_a"]},
    ],
    "chatbot-arena-conversations": [
        CONVERSATIONS, {**CONVERSATIONS, "winner": "tie (bothbad)", "question_id": "x"},
        {**CONVERSATIONS, "turn": 1}, {**CONVERSATIONS, "judge": "arena_user_1", "tstamp": None},
    ],
    "label-studio": [
        LABEL_STUDIO, {**LABEL_STUDIO, "id": 20, "annotations": [annotate(13, 7, {"rank": ["llm_3"]})]},
        {**LABEL_STUDIO, "id": 4, "annotations": [annotate(1, 7, {"good": ["llm_1"], "biased": ["llm_2"], "_": []})]},
        {**LABEL_STUDIO, "id": 5, "annotations": [annotate(2, 7, {"good": ["llm_2"], "biased": ["llm_1"], "_": []})]},
    ],
    "argilla": [ARGILLA, {**ARGILLA, "id": "r2"}, {**ARGILLA, "id": "r10", "responses": {
        "best": [{"value": "response_2", "user_id": "ann"}], "response_2_score": [{"value": 4, "user_id": "ann"}]}},
        {**ARGILLA, "id": "r3", "responses": {"response_2_score": [{"value": 2, "user_id": "ann"}]}}],
}  # fmt: skip
