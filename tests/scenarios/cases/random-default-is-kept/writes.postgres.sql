UPDATE {t} SET v = {n} WHERE id = {own 1..1500};

INSERT INTO {t} (id, old) VALUES (10000 + {n}, md5('{n}')::uuid);
