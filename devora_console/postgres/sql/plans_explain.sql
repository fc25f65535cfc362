-- What: the plan of a statement whose $1 must stay what they are. The extended protocol would take them for parameters of
--       the EXPLAIN, and plan for their values; so the text goes in, and the plan comes out, as settings of the transaction.
--       A loop, as a cursor takes one statement only; an expression, as PERFORM would be counted as a statement.
-- Serves: 16 and later (GENERIC_PLAN is in the text). Cost: the planning. Grants: what the statement needs.
DO LANGUAGE plpgsql $explain$
DECLARE
    answer pg_catalog.text;
BEGIN
    FOR answer IN EXECUTE pg_catalog.current_setting('devora_console.explain') LOOP
        answer := pg_catalog.set_config('devora_console.plan', answer, true);
    END LOOP;
END
$explain$
