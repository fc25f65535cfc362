-- what: removes the record of what a bulk load has set aside

DROP TABLE IF EXISTS devora_console.set_aside;
