-- What: whether this user may maintain a table without owning it. Until 16 there is no such right.
-- Serves: 14 to 16. Cost: nothing. Grants: none.
SELECT false AS maintains WHERE $1::bigint IS NOT NULL
