UPDATE {t} SET v = {n} WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, 1, NULL, NULL);

UPDATE {t} SET id = -id WHERE id = {own 1..1500};

DELETE FROM {t} WHERE id = {own 1..1500};
