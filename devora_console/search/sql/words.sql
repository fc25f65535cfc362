-- What the vocabulary knows of the lexemes of a query ($1); common: in more than $2 percent of the documents.
SELECT lexeme, held, common, documents, near FROM public.devora_search_words($1::text[], $2::real)
