UPDATE {t} SET v = {n} WHERE id = {own 1..500};

UPDATE {t} SET code = 10000 + {n} WHERE id = {own 1..500};

UPDATE {t} SET id = id + 100000 WHERE id = {own 1..500};

INSERT INTO {t} (id, code, v, w) VALUES (10000 + {n}, 30000 + {n}, 1, 'new');

DELETE FROM {t} WHERE id = {own 1..500};
