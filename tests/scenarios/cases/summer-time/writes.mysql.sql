UPDATE {t} SET stamp = '2024-10-27 00:30:00' WHERE id = {own 1..2000};

UPDATE {t} SET stamp = '2024-10-27 01:30:00' WHERE id = {own 1..2000};

UPDATE {t} SET stamp = '2024-03-31 01:00:00' - INTERVAL {0..3} SECOND, v = {n} WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (10000 + {n}, '2024-10-27 01:15:00', NULL, 1);
