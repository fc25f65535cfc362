-- answers: nothing; writes the live catalogue beside the version applied last: what check expects from then on
-- serves: 14 on; cost: that of catalogue.sql, which takes the place of the braces; needs: to own the table
UPDATE devora_console.schema_version
   SET catalog = ({catalogue})
 WHERE version = (SELECT version FROM devora_console.schema_version ORDER BY applied_at DESC, version DESC LIMIT 1);
