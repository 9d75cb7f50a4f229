UPDATE {t} SET stamp = '2024-10-27 00:30:00+00' WHERE id = {own 1..2000};

UPDATE {t} SET stamp = '2024-10-27 01:30:00+00', moment = '2024-07-01 12:00' WHERE id = {own 1..2000};

UPDATE {t} SET moment = '2024-10-27 02:{10..59}:00', v = {n} WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (10000 + {n}, '2024-10-27 01:15:00+00', NULL, NULL, 1);
