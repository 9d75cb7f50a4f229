INSERT INTO {t} (id, v) VALUES (10000 + {n}, 1);

UPDATE {t} SET v = {n} WHERE id = {1..2500};

ONCE ALTER TABLE {t} ADD COLUMN theirs INT DEFAULT 3;
