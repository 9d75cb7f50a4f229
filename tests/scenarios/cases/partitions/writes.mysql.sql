UPDATE {t} SET v = {n} WHERE id = {own 1..2000};

UPDATE {t} SET day = day + INTERVAL 90 DAY WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (10000 + {n}, '2030-01-01', 1);

DELETE FROM {t} WHERE id = {own 1..2000};
