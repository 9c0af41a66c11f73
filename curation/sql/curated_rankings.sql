-- inputs: rankings, dropped
-- one row per row of rankings that no rule drops: raw minus dropped.
WITH
gone AS (
    SELECT row_id
    FROM dropped
    WHERE table_name = 'rankings'
),
final AS (
    SELECT rankings.*
    FROM rankings
    ANTI JOIN gone ON gone.row_id = rankings.ranking_id
)
SELECT * FROM final
