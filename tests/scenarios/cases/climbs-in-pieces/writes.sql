UPDATE {t} SET c = {1..50}, b = 100000 + {n} WHERE a = {own 1..2000};

INSERT INTO {t} (a, b, c, r) VALUES (10000 + {n}, 200000 + {n}, {1..50}, {1..50});

DELETE FROM {t} WHERE a = {own 1..2000};

BEGIN;
UPDATE {t} SET r = {1..50} WHERE a = {own 1..2000};
WAIT 6;
COMMIT;
