SELECT d.entity_type, d.entity_id, {place}.word_similarity({word}, d.folded_title) AS likeness
  FROM public.search_documents d
 WHERE {conditions} AND d.entity_type <> 'message' AND {word} OPERATOR({place}.<%) d.folded_title
