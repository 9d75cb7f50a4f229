UPDATE {t} SET v = {n}, note = REPEAT('compress ', 300) WHERE id = {own 1..2500};

UPDATE {t} SET id = -id WHERE id = {own 1..2500};

INSERT INTO {t} VALUES (10000 + {n}, 1, REPEAT('y', 5000));

DELETE FROM {t} WHERE id = {own 1..2500};
