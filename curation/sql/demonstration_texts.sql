-- inputs: curated_demonstrations (view), prompts, assignments; macro as_text(messages)
-- one row per kept demonstration, to read: its prompt with the conversation before it and its completion as plain texts.
WITH
final AS (
    SELECT
        curated_demonstrations.demonstration_id,
        curated_demonstrations.prompt_id,
        prompts.kind,
        assignments.split,
        as_text(prompts.messages) AS prompt,
        as_text(curated_demonstrations.completion) AS completion,
        curated_demonstrations.rationale
    FROM curated_demonstrations
    JOIN prompts USING (prompt_id)
    LEFT JOIN assignments ON assignments.prompt_id = curated_demonstrations.prompt_id
)
SELECT * FROM final
ORDER BY demonstration_id
