UPDATE {t} SET finer = '2030-01-01 00:00:01', rounded = '2030-01-01 00:00:01.5', instant = '2030-01-01 00:00:01.75', local = '2030-01-01 00:00:01.5' WHERE id = {own 1..2000};

UPDATE {t} SET finer = NULL, day = NULL WHERE id = {own 1..2000};
