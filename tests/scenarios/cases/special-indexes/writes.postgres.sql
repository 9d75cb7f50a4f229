UPDATE {t} SET v = {n}, doc = '{"a": [{n}]}' WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, 200000 + {n}, 'new{n}', 'empty', NULL, 1);

UPDATE {t} SET id = -id WHERE id = {own 1..1500};

DELETE FROM {t} WHERE id = {own 1..1500};
