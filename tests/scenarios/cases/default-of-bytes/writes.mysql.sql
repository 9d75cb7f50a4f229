INSERT INTO {t} (id, v) VALUES (10000 + {n}, 1);

UPDATE {t} SET v = {n}, code = DEFAULT WHERE id = {own 1..500};
