-- inputs: curated_comparisons (view), labeler_weights (view)
-- one row per judged pair, first_id < second_id: counts of kept votes, their weights, and how likely the first is better.
-- A labeler's repeated rounds share one vote.
WITH
votes AS (
    SELECT
        prompt_id,
        pair_id,
        first_id,
        second_id,
        labeler_id,
        count(*) FILTER (verdict = 'first') / count(*) AS votes_first,
        count(*) FILTER (verdict = 'second') / count(*) AS votes_second,
        count(*) FILTER (verdict = 'tie') / count(*) AS votes_tie,
        count(*) FILTER (verdict = 'first') AS n_first,
        count(*) FILTER (verdict = 'second') AS n_second,
        count(*) FILTER (verdict = 'tie') AS n_tie
    FROM curated_comparisons
    WHERE first_id < second_id
    GROUP BY ALL
),
weighed AS (
    SELECT votes.*, labeler_weights.weight
    FROM votes
    JOIN labeler_weights USING (labeler_id)
),
summed AS (
    SELECT
        prompt_id,
        pair_id,
        first_id,
        second_id,
        sum(n_first)::BIGINT AS n_first,
        sum(n_second)::BIGINT AS n_second,
        sum(n_tie)::BIGINT AS n_tie,
        sum(weight * votes_first ORDER BY labeler_id) AS weight_first,
        sum(weight * votes_second ORDER BY labeler_id) AS weight_second,
        sum(weight * votes_tie ORDER BY labeler_id) AS weight_tie
    FROM weighed
    GROUP BY prompt_id, pair_id, first_id, second_id
),
final AS (
    SELECT
        *,
        (weight_first - weight_second) / (weight_first + weight_second + weight_tie) AS margin,
        1 / (1 + exp(weight_second - weight_first)) AS probability_first
    FROM summed
)
SELECT * FROM final
ORDER BY pair_id
