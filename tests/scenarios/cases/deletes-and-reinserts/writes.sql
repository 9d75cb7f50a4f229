BEGIN;
DELETE FROM {t} WHERE id = {a:own 1..2500};
INSERT INTO {t} VALUES ({a}, {n}, 'again');
COMMIT;

DELETE FROM {t} WHERE id = {a:own 1..2500};

DELETE FROM {t} WHERE id BETWEEN {a:1..2500} AND {a} + 9 AND id % {writers} = {w};

BEGIN;
DELETE FROM {t} WHERE id = {a:own 1..2500};
INSERT INTO {t} VALUES ({a}, {n}, 'one');
UPDATE {t} SET v = v + 1 WHERE id = {a};
DELETE FROM {t} WHERE id = {a};
INSERT INTO {t} VALUES ({a}, -{n}, 'two');
COMMIT;

-- a row that lives for one transaction only
BEGIN;
INSERT INTO {t} VALUES (10000 + {n}, 0, 'short');
UPDATE {t} SET note = 'shorter' WHERE id = 10000 + {n};
DELETE FROM {t} WHERE id = 10000 + {n};
COMMIT;
