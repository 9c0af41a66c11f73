-- inputs: curated_rankings (view), curated_candidates (view), labeler_weights (view)
-- one row per kept ranking and kept candidate in it: its tier (from 1, the best), whether the tier is tied, and what the
-- ranking weighs. A labeler's repeated rounds of one task share one weight.
WITH
ranked AS (
    SELECT
        ranking_id,
        prompt_id,
        labeler_id,
        tiers,
        1 / count(*) OVER (PARTITION BY task_id, labeler_id) AS share
    FROM curated_rankings
    WHERE skip_reason IS NULL
),
tiered AS (
    SELECT ranking_id, prompt_id, labeler_id, share, generate_subscripts(tiers, 1) AS tier, unnest(tiers) AS members
    FROM ranked
),
placed AS (
    SELECT ranking_id, prompt_id, labeler_id, share, tier, members.tied AS tied, unnest(members.candidate_ids) AS candidate_id
    FROM tiered
),
final AS (
    SELECT placed.ranking_id, placed.prompt_id, placed.candidate_id, placed.tier, placed.tied, share * weight AS weight
    FROM placed
    SEMI JOIN curated_candidates USING (candidate_id)
    JOIN labeler_weights USING (labeler_id)
)
SELECT * FROM final
ORDER BY ranking_id, tier, candidate_id
