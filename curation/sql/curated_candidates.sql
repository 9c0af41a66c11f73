-- inputs: candidates, dropped
-- one row per row of candidates that no rule drops: raw minus dropped.
WITH
gone AS (
    SELECT row_id
    FROM dropped
    WHERE table_name = 'candidates'
),
final AS (
    SELECT candidates.*
    FROM candidates
    ANTI JOIN gone ON gone.row_id = candidates.candidate_id
)
SELECT * FROM final
