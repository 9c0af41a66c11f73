"""Turns curated demonstrations into SFT checkpoints."""

import polars as pl

from curation.ledger import keep_rows
from pipelines.models import name_training_rows, seal_policy
from pipelines.stage import Stage
from schemas.tables import empty_frame
from training.examples import Example
from training.models import set_determinism
from training.sft import train_sft


def run(stage: Stage) -> None:
    """Fine-tune the turn's start policy on completions only; keep several checkpoints."""
    params = stage.params
    set_determinism(stage.seed, params.threads)
    examples = gather_examples(stage)
    start, out = stage.dep("models/start/policy"), stage.out("models/sft")
    with stage.progress("fine-tuning") as progress:
        result = train_sft(
            start, examples, params=params.sft, max_tokens=params.start.max_tokens, seed=stage.seed,
            out=out, work=stage.resume(), progress=progress,
        )  # fmt: skip
    rows = [empty_frame("training_rows")]
    for name in result.checkpoints:
        seen = result.trained_row_ids
        model = seal_policy(stage, out / name, rows=seen, parent=start, params=params.sft)
        rows.append(name_training_rows(model, seen, "demonstrations"))
    stage.write_table("training_rows", pl.concat(rows))
    trained, skipped = len(result.trained_row_ids), len(result.skipped_row_ids)
    stage.write_metrics(
        "sft", {"rows_trained": trained, "rows_too_long": skipped, "checkpoints": len(result.checkpoints)}
    )


def gather_examples(stage: Stage) -> list[Example]:
    """Kept demonstrations of train prompts: this turn's, or those of all turns, as `sft.turns` says."""
    table = "demonstrations"
    rows = stage.new_rows(table) if stage.params.sft.turns == "this" else stage.rows(table)
    kept = keep_rows(table, rows, stage.new_rows("dropped"))
    train = stage.rows("assignments").filter(pl.col("split") == "train")
    joined = (
        kept.join(train, on="prompt_id", how="semi")
        .join(stage.rows("prompts"), on="prompt_id")
        .sort("demonstration_id")
    )
    columns = (joined["demonstration_id"].to_list(), joined["messages"].to_list(), joined["completion"].to_list())
    return [Example(row_id, messages, completion) for row_id, messages, completion in zip(*columns, strict=True)]
