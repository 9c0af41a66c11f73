-- inputs: prompts, dropped
-- one row per row of prompts that no rule drops: raw minus dropped.
WITH
gone AS (
    SELECT row_id
    FROM dropped
    WHERE table_name = 'prompts'
),
final AS (
    SELECT prompts.*
    FROM prompts
    ANTI JOIN gone ON gone.row_id = prompts.prompt_id
)
SELECT * FROM final
