-- from the one end to the other, once: the way back might be to a key that another row has by then
UPDATE {t} SET id = 100000 + 10 * no WHERE no = {own 1..2500} AND id < 50000;

-- two swap their keys through a third
BEGIN;
UPDATE {t} SET id = -1000000 - {n} WHERE id = 3 * {a:own 1..1200};
UPDATE {t} SET id = 3 * {a} WHERE id = 3 * {b:own 1201..2500};
UPDATE {t} SET id = 3 * {b} WHERE id = -1000000 - {n};
COMMIT;

-- a stretch moves by one and back
BEGIN;
UPDATE {t} SET id = id + 1 WHERE id % 3 = 0 AND id BETWEEN {c:0..7000} AND {c} + 60 AND no % {writers} = {w};
UPDATE {t} SET v = {n} WHERE id % 3 = 1 AND id BETWEEN {c} AND {c} + 61 AND no % {writers} = {w};
UPDATE {t} SET id = id - 1 WHERE id % 3 = 1 AND id BETWEEN {c} AND {c} + 61 AND no % {writers} = {w};
COMMIT;

-- away and back within one transaction
BEGIN;
UPDATE {t} SET id = id + 1 WHERE no = {a:own 1..2500};
UPDATE {t} SET id = id - 1, v = {n} WHERE no = {a};
COMMIT;

-- a new row on the key of one that moved away
BEGIN;
UPDATE {t} SET id = -3000000 - {n} WHERE id = 3 * {a:own 1..2500};
INSERT INTO {t} VALUES (2000000 + {n}, 0, 100000 + {n});
COMMIT;
