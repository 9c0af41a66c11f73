-- inputs: pair_ids(prompt_id, first_id, second_id, pair_id), a table in the schema main
-- one text per pair: its id, which is a hash that SQL has no function for. A pair that is not in the table stops the
-- query, so that no pair is ever without an id.
CREATE OR REPLACE MACRO hash_pair(prompt, first, second) AS
    coalesce(
        (
            SELECT known.pair_id
            FROM main.pair_ids AS known
            WHERE known.prompt_id = prompt AND known.first_id = first AND known.second_id = second
        ),
        error('a pair that was not judged when this file was made: make it anew with flywheel sql --save')
    )
