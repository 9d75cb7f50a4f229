BEGIN;
UPDATE {t} SET v = -1, note = 'never' WHERE id = {a:own 1..2500};
DELETE FROM {t} WHERE id = {own 1..2500};
INSERT INTO {t} VALUES (-{n} - 1, 0, 'never');
ROLLBACK;

BEGIN;
UPDATE {t} SET note = 'kept' WHERE id = {a:own 1..2500};
SAVEPOINT one;
DELETE FROM {t} WHERE id = {b:own 1..2500};
UPDATE {t} SET v = -1 WHERE id = {a};
SAVEPOINT two;
INSERT INTO {t} VALUES (-{n} - 1, 0, 'never');
ROLLBACK TO SAVEPOINT two;
INSERT INTO {t} VALUES (10000 + {n}, 0, 'kept');
ROLLBACK TO SAVEPOINT one;
UPDATE {t} SET v = {n} WHERE id = {a};
RELEASE SAVEPOINT one;
INSERT INTO {t} VALUES (20000 + {n}, 0, 'kept');
COMMIT;

UPDATE {t} SET v = {n} WHERE id = {own 1..2500};
