INSERT INTO {t} (v) VALUES ({n});

UPDATE {t} SET v = {n} WHERE id IN (0, -5, {1..1400});

BEGIN;
DELETE FROM {t} WHERE id = 0;
INSERT INTO {t} VALUES (0, {n});
COMMIT;

UPDATE {t} SET v = {n} WHERE id > 50000;
