UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET id = id + 0.0000000001 WHERE no = {own 1..2000};

UPDATE {t} SET id = -id + 0.5 WHERE no = {own 1..2000};

INSERT INTO {t} VALUES (0.0000000001 * {n} + 0.3, 0, 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
