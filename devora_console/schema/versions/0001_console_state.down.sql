-- what: removes the console's own state, with the record of every run, quarantined and archived document

DROP TABLE IF EXISTS devora_console.lease;
DROP TABLE IF EXISTS devora_console.archive;
DROP TABLE IF EXISTS devora_console.quarantine;
DROP TABLE IF EXISTS devora_console.document;
DROP TABLE IF EXISTS devora_console.checkpoint;
DROP TABLE IF EXISTS devora_console.run;
DROP TABLE IF EXISTS devora_console.schema_version;
DROP SCHEMA IF EXISTS devora_console;
