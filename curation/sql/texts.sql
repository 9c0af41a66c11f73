-- inputs: preferences, prompts, candidates, assignments; macro as_text(messages)
-- one row per preference, to read: its prompt with the conversation before it, and the two completions as plain texts.
-- Its weight and margin are in preference_pairs.
WITH
final AS (
    SELECT
        preferences.pair_id,
        preferences.prompt_id,
        prompts.kind,
        assignments.split,
        as_text(prompts.messages) AS prompt,
        as_text(chosen.completion) AS chosen,
        as_text(rejected.completion) AS rejected,
        preferences.chosen_id,
        preferences.rejected_id,
        preferences.votes_for,
        preferences.votes_against,
        preferences.votes_tie
    FROM preferences
    JOIN prompts USING (prompt_id)
    JOIN candidates AS chosen ON chosen.candidate_id = preferences.chosen_id
    JOIN candidates AS rejected ON rejected.candidate_id = preferences.rejected_id
    LEFT JOIN assignments ON assignments.prompt_id = preferences.prompt_id
)
SELECT * FROM final
ORDER BY pair_id
