UPDATE {t} SET v = v + 1 WHERE id = 1000;

UPDATE {t} SET v = v + 1 WHERE id = 1000;

BEGIN;
UPDATE {t} SET v = v + 1 WHERE id = 1000;
UPDATE {t} SET v = v + 1 WHERE id = 1000;
UPDATE {t} SET v = v * 2 - v WHERE id = 1000;
COMMIT;

UPDATE {t} SET v = v + 1 WHERE id = 1;

UPDATE {t} SET v = v + 1 WHERE id = 2000;

UPDATE {t} SET v = v + 1, s = {n} WHERE id = {own 2..1999};
