UPDATE {t} SET v = {n} WHERE id = {own 1..2000};

UPDATE {t} SET code = 'moved{n}' WHERE id = {own 1..2000};

UPDATE {t} SET id = id + 100000 WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (10000 + {n}, 'new{n}', 1);

DELETE FROM {t} WHERE id = {own 1..2000};
