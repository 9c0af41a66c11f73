-- inputs: curated_candidates (view), prompts, assignments; macro as_text(messages)
-- one row per kept candidate, to read: its prompt with the conversation before it and its completion as plain texts.
WITH
final AS (
    SELECT
        curated_candidates.candidate_id,
        curated_candidates.prompt_id,
        prompts.kind,
        assignments.split,
        as_text(prompts.messages) AS prompt,
        as_text(curated_candidates.completion) AS completion
    FROM curated_candidates
    JOIN prompts USING (prompt_id)
    LEFT JOIN assignments ON assignments.prompt_id = curated_candidates.prompt_id
)
SELECT * FROM final
ORDER BY candidate_id
