-- inputs: comparisons (view), dropped
-- one row per comparison and direction that still counts: neither it, nor its ranking, nor one of its candidates is dropped.
WITH
gone AS (
    SELECT DISTINCT table_name, row_id
    FROM dropped
    WHERE table_name IN ('comparisons', 'rankings', 'candidates')
),
gone_comparisons AS (
    SELECT row_id FROM gone WHERE table_name = 'comparisons'
),
gone_rankings AS (
    SELECT row_id FROM gone WHERE table_name = 'rankings'
),
gone_candidates AS (
    SELECT row_id FROM gone WHERE table_name = 'candidates'
),
final AS (
    SELECT comparisons.*
    FROM comparisons
    ANTI JOIN gone_comparisons ON gone_comparisons.row_id = comparisons.comparison_id
    ANTI JOIN gone_rankings ON gone_rankings.row_id = comparisons.ranking_id
    ANTI JOIN gone_candidates AS first_gone ON first_gone.row_id = comparisons.first_id
    ANTI JOIN gone_candidates AS second_gone ON second_gone.row_id = comparisons.second_id
)
SELECT * FROM final
ORDER BY comparison_id, first_id
