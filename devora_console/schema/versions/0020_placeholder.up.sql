-- what: placeholder
-- requires: nothing
-- transaction: yes
SELECT 1;
