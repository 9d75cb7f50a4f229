UPDATE {t} SET v = {n} WHERE id = {own 1..2500};

UPDATE {t} SET id = id + 10000 WHERE id = {own 1..2500};

UPDATE {t} SET shop = {5..9} WHERE id = {own 1..2500};

INSERT INTO {t} (id, shop, v) VALUES (100000 + {n}, 1, 1);

DELETE FROM {t} WHERE id = {own 1..2500};
