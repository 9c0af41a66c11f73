-- inputs: rankings, labeler_stats
-- one row per labeler who ranked anything: what a vote of theirs weighs, the log-odds of their reliability (Nitzan and
-- Paroush 1982: the best weighted majority). A labeler of unknown reliability weighs as one of the mean.
WITH
known AS (
    SELECT labeler_id, least(greatest(reliability, 0.51), 0.99) AS reliability
    FROM labeler_stats
    WHERE reliability IS NOT NULL
),
typical AS (
    SELECT coalesce(avg(reliability ORDER BY labeler_id), 0.75) AS reliability
    FROM known
),
odds AS (
    SELECT labeler_id, coalesce(known.reliability, (SELECT reliability FROM typical)) AS reliability
    FROM (SELECT DISTINCT labeler_id FROM rankings)
    LEFT JOIN known USING (labeler_id)
),
final AS (
    SELECT labeler_id, reliability, ln(reliability / (1 - reliability)) AS weight
    FROM odds
)
SELECT * FROM final
ORDER BY labeler_id
