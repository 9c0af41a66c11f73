-- inputs: pair_findings, dropped
-- one row per judged pair and check that found it: what the audit warns of or down-weights, and every reason in the ledger
-- for which a pair is no preference or some of its comparisons don't count (their greatest value).
WITH
ledger AS (
    SELECT
        CASE table_name WHEN 'comparisons' THEN split_part(row_id, ':', 2) ELSE row_id END AS pair_id,
        reason,
        value,
        threshold,
        matched_id,
        rule_version
    FROM dropped
    WHERE table_name IN ('preferences', 'comparisons')
),
drops AS (
    SELECT
        pair_id,
        reason,
        'drop' AS action,
        0::DOUBLE AS weight,
        max(value) AS value,
        any_value(threshold ORDER BY value DESC, matched_id) AS threshold,
        any_value(matched_id ORDER BY value DESC, matched_id) AS matched_id,
        max(rule_version) AS rule_version
    FROM ledger
    GROUP BY pair_id, reason
),
final AS (
    SELECT pair_id, reason, action, weight, value, threshold, matched_id, rule_version FROM pair_findings
    UNION ALL
    SELECT pair_id, reason, action, weight, value, threshold, matched_id, rule_version FROM drops
)
SELECT * FROM final
ORDER BY pair_id, reason, action
