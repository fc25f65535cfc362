-- what: forgets the back-fills of embeddings, their claims and failures

DROP TABLE IF EXISTS devora_console.embedding_failure;
DROP TABLE IF EXISTS devora_console.embedding_claim;
DROP TABLE IF EXISTS devora_console.embedding_run;
