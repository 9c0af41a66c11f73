-- inputs: rankings; function hash_pair(prompt_id, first_id, second_id)
-- one row per ranking and ordered pair of candidates that it judges: each judged pair comes in both directions.
-- A better tier wins; within a tied tier all are equal; within an untied tier, and for candidates in no tier, nothing
-- was judged, so there is no row.
WITH
ranked AS (
    SELECT ranking_id, prompt_id, task_id, labeler_id, round, turn, shown_order, tiers
    FROM rankings
    WHERE skip_reason IS NULL
),
tiered AS (
    SELECT ranking_id, generate_subscripts(tiers, 1) AS tier_index, unnest(tiers) AS tier
    FROM ranked
),
placed AS (
    SELECT ranking_id, tier_index, tier.tied AS tied, unnest(tier.candidate_ids) AS candidate_id
    FROM tiered
),
judged AS (
    SELECT
        above.ranking_id,
        above.candidate_id AS first_id,
        below.candidate_id AS second_id,
        CASE
            WHEN above.tier_index < below.tier_index THEN 'first'
            WHEN above.tier_index > below.tier_index THEN 'second'
            ELSE 'tie'
        END AS verdict
    FROM placed AS above
    JOIN placed AS below
        ON above.ranking_id = below.ranking_id
        AND above.candidate_id <> below.candidate_id
        AND (above.tier_index <> below.tier_index OR above.tied)
),
pairs AS (
    SELECT prompt_id, first_id, second_id, hash_pair(prompt_id, first_id, second_id) AS pair_id
    FROM (
        SELECT DISTINCT ranked.prompt_id, judged.first_id, judged.second_id
        FROM judged
        JOIN ranked USING (ranking_id)
        WHERE judged.first_id < judged.second_id
    )
),
final AS (
    SELECT
        judged.ranking_id || ':' || pairs.pair_id AS comparison_id,
        judged.ranking_id,
        pairs.pair_id,
        ranked.prompt_id,
        ranked.task_id,
        ranked.labeler_id,
        ranked.round,
        ranked.turn,
        judged.first_id,
        judged.second_id,
        judged.verdict,
        nullif(list_position(ranked.shown_order, judged.first_id), 0) AS first_shown,
        nullif(list_position(ranked.shown_order, judged.second_id), 0) AS second_shown
    FROM judged
    JOIN ranked USING (ranking_id)
    JOIN pairs
        ON pairs.prompt_id = ranked.prompt_id
        AND pairs.first_id = least(judged.first_id, judged.second_id)
        AND pairs.second_id = greatest(judged.first_id, judged.second_id)
)
SELECT * FROM final
ORDER BY comparison_id, first_id
