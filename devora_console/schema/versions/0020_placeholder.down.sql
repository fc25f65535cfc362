-- what: placeholder
SELECT 1;
