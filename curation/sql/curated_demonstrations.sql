-- inputs: demonstrations, dropped
-- one row per row of demonstrations that no rule drops: raw minus dropped.
WITH
gone AS (
    SELECT row_id
    FROM dropped
    WHERE table_name = 'demonstrations'
),
final AS (
    SELECT demonstrations.*
    FROM demonstrations
    ANTI JOIN gone ON gone.row_id = demonstrations.demonstration_id
)
SELECT * FROM final
