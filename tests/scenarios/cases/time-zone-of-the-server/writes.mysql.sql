UPDATE {t} SET stamp = '2024-01-01 00:00:00.999', moment = '2024-12-31 23:59:59.001' WHERE id = {own 1..2000};

UPDATE {t} SET kept = '2024-07-01 12:00:00', v = {n} WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (10000 + {n}, '1999-12-31 23:59:59', '2000-01-01', NULL, 1);

DELETE FROM {t} WHERE id = {own 1..2000};
