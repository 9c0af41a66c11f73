"""The world's parameters, small numbers apart."""

import pytest

from schemas.params import Sandbox


@pytest.fixture(scope="session")
def params() -> Sandbox:
    return Sandbox.model_validate({
        "seed": 1, "splits": {"validation": 0.08, "benchmark": 0.2}, "n_documents": 3000, "n_train_prompts": 1500,
        "n_validation_prompts": 200, "n_benchmark_prompts": 900, "junk_share": 0.03, "duplicate_share": 0.04,
        "near_duplicate_share": 0.04, "form_flaw_share": 0.4, "content_flaw_share": 0.05, "n_labelers": 12,
        "labelers_per_prompt": 3, "labeler_shares": {
            "skilled": 0.5, "careless": 0.16, "contrary": 0.09, "length_biased": 0.09, "position_biased": 0.16,
        },
    })  # fmt: skip
