"""Turns the parent turn, a given model or nothing into the policy, reward model and rows to go on from."""

from pipelines.models import seal_policy
from pipelines.sandbox.documents import write_documents
from pipelines.stage import Stage
from pipelines.versions.parents import bring_parent


def run(stage: Stage) -> None:
    """Bring the parent's state; in a cold start take `start.model`, or train a small model from scratch."""
    params = stage.params
    models = stage.out("models/start")
    models.mkdir()
    bring_parent(stage.root, params.turn.parent, params.turn.number, models, stage.out("data/past"))
    if params.turn.parent is not None:
        return
    from training.models import load_policy, save_model, set_determinism
    from training.pretrain import pretrain_policy

    set_determinism(stage.seed, params.threads)
    policy = models / "policy"
    if params.start.model is not None:
        save_model(*load_policy(params.start.model), policy)
    else:
        documents = write_documents(params.sandbox)
        with stage.progress("pre-training") as progress:
            pretrain_policy(
                documents, params=params.start, seed=stage.seed, out=policy, work=stage.resume(), progress=progress
            )
    seal_policy(stage, policy, rows=(), params=params.start)
