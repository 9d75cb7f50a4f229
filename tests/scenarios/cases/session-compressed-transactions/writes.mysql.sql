UPDATE {t} SET v = {n}, note = REPEAT('compress ', 300) WHERE id = {own 1..2500};

BEGIN;
UPDATE {t} SET v = v + 1 WHERE id BETWEEN {a:1..2400} AND {a} + 60 AND id % {writers} = {w};
INSERT INTO {t} VALUES (10000 + {n}, 1, REPEAT('y', 5000));
COMMIT;

UPDATE {t} SET id = -id WHERE id = {own 1..2500};

DELETE FROM {t} WHERE id = {own 1..2500};
