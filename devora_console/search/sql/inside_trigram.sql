SELECT d.entity_type, d.entity_id, {place}.word_similarity({word}, public.devora_fold(d.title)) AS likeness
  FROM public.search_documents d
 WHERE {conditions} AND d.entity_type <> 'message' AND {word} OPERATOR({place}.<%) public.devora_fold(d.title)
