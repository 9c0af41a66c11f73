-- inputs: comparisons (view)
-- one row per two labelers (labeler_id < other_id) who judged some pairs both, in their first rounds: how many, how often
-- they agree (a tie and a strict verdict by half), and Cohen's kappa over the three verdicts (null where chance is all).
WITH
votes AS (
    SELECT pair_id, labeler_id, verdict
    FROM comparisons
    WHERE first_id < second_id
    QUALIFY row_number() OVER (PARTITION BY pair_id, labeler_id ORDER BY round, ranking_id) = 1
),
met AS (
    SELECT one.labeler_id, other.labeler_id AS other_id, one.verdict, other.verdict AS other_verdict, count(*) AS n
    FROM votes AS one
    JOIN votes AS other ON other.pair_id = one.pair_id AND one.labeler_id < other.labeler_id
    GROUP BY ALL
),
counted AS (
    SELECT
        labeler_id,
        other_id,
        sum(n)::BIGINT AS n_pairs,
        sum(n) FILTER (verdict = other_verdict) AS equal,
        sum(n) FILTER (verdict <> other_verdict AND 'tie' IN (verdict, other_verdict)) AS half_equal,
        sum(n) FILTER (verdict = 'first') * sum(n) FILTER (other_verdict = 'first') AS both_first,
        sum(n) FILTER (verdict = 'second') * sum(n) FILTER (other_verdict = 'second') AS both_second,
        sum(n) FILTER (verdict = 'tie') * sum(n) FILTER (other_verdict = 'tie') AS both_tie
    FROM met
    GROUP BY labeler_id, other_id
),
shares AS (
    SELECT
        labeler_id,
        other_id,
        n_pairs,
        coalesce(equal, 0) / n_pairs AS equal,
        (coalesce(equal, 0) + coalesce(half_equal, 0) / 2) / n_pairs AS agreement,
        (coalesce(both_first, 0) + coalesce(both_second, 0) + coalesce(both_tie, 0)) / n_pairs ** 2 AS chance
    FROM counted
),
final AS (
    SELECT labeler_id, other_id, n_pairs, agreement, CASE WHEN chance < 1 THEN (equal - chance) / (1 - chance) END AS kappa
    FROM shares
)
SELECT * FROM final
ORDER BY labeler_id, other_id
