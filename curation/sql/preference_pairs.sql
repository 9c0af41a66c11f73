-- inputs: preferences, prompts, candidates, assignments, pair_findings, pair_votes (view)
-- one row per preference: what a trainer reads. margin: share of vote weight for chosen less that against, ties counted
-- in the whole (0 to 1). weight: chance that chosen is better less the chance that it is not, times the weight of each
-- finding of the audit (0 to 1). split is null for a prompt without one.
-- Where a model of the whole prompt decided (consensus.py), margin is its chance that chosen wins less that of rejected,
-- weight the same among wins.
WITH
votes AS (
    SELECT pair_id, abs(margin) AS margin, abs(2 * probability_first - 1) AS weight
    FROM pair_votes
),
findings AS (
    SELECT pair_id, product(weight ORDER BY reason) AS weight
    FROM pair_findings
    GROUP BY pair_id
),
final AS (
    SELECT
        preferences.pair_id,
        preferences.prompt_id,
        prompts.messages,
        prompts.tools,
        prompts.kind,
        preferences.chosen_id,
        preferences.rejected_id,
        chosen.completion AS chosen,
        rejected.completion AS rejected,
        preferences.votes_for,
        preferences.votes_against,
        preferences.votes_tie,
        coalesce(preferences.margin, votes.margin) AS margin,
        coalesce(preferences.weight, votes.weight) * coalesce(findings.weight, 1) AS weight,
        assignments.split
    FROM preferences
    JOIN prompts USING (prompt_id)
    JOIN candidates AS chosen ON chosen.candidate_id = preferences.chosen_id
    JOIN candidates AS rejected ON rejected.candidate_id = preferences.rejected_id
    LEFT JOIN assignments ON assignments.prompt_id = preferences.prompt_id
    LEFT JOIN votes ON votes.pair_id = preferences.pair_id
    LEFT JOIN findings ON findings.pair_id = preferences.pair_id
)
SELECT * FROM final
ORDER BY pair_id
