-- inputs: training_rows, preferences, demonstrations, candidates, curated_comparisons (view), samples, origins
-- one row per row that a model was trained on and row it came from: the row itself, its prompt, candidates and rankings,
-- beside the event that brought it (an origin; for candidates the policy that wrote them; for rankings the labeler).
-- Only rankings that still count are behind a preference: those that a rule dropped never reached it.
WITH
trained AS (
    SELECT DISTINCT model, table_name, row_id
    FROM training_rows
),
parents AS (
    SELECT 'demonstrations' AS table_name, demonstration_id AS row_id, 'prompts' AS parent_table, prompt_id AS parent_id
    FROM demonstrations
    UNION
    SELECT 'candidates', candidate_id, 'prompts', prompt_id
    FROM candidates
    UNION
    SELECT 'preferences', pair_id, 'prompts', prompt_id
    FROM preferences
    UNION
    SELECT 'preferences', pair_id, 'candidates', unnest([chosen_id, rejected_id])
    FROM preferences
    UNION
    SELECT 'preferences', curated_comparisons.pair_id, 'rankings', curated_comparisons.ranking_id
    FROM curated_comparisons
    JOIN preferences USING (pair_id)
),
descent AS (
    SELECT model, table_name, row_id, table_name AS from_table, row_id AS from_id
    FROM trained
    UNION
    SELECT trained.model, trained.table_name, trained.row_id, parents.parent_table, parents.parent_id
    FROM trained
    JOIN parents USING (table_name, row_id)
),
events AS (
    SELECT table_name, row_id, source, external_id, licence, consent, teacher, turn
    FROM origins
    UNION
    SELECT 'candidates', candidate_id, policy, checkpoint, NULL, NULL, policy, turn
    FROM samples
    UNION
    SELECT 'rankings', ranking_id, labeler_id, task_id, NULL, NULL, NULL, turn
    FROM curated_comparisons
),
final AS (
    SELECT
        descent.model,
        descent.table_name,
        descent.row_id,
        descent.from_table,
        descent.from_id,
        events.source,
        events.external_id,
        events.licence,
        events.consent,
        events.teacher,
        events.turn
    FROM descent
    LEFT JOIN events ON events.table_name = descent.from_table AND events.row_id = descent.from_id
)
SELECT * FROM final
ORDER BY ALL
