UPDATE {t} SET v = v + {n} WHERE id = {own 1..900};

DELETE FROM {t} WHERE id = {own 1..900};

INSERT INTO {t} VALUES (10000 + {n}, 1);

UPDATE {t} SET id = id + 100000 WHERE id = {own 1..900};
