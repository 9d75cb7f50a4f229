UPDATE {t} SET v = {n} WHERE id = {own 1..1500};

INSERT INTO {t} (id, v, w) VALUES (10000 + {n}, {n} % 800, 1);

UPDATE {t} SET w = w + 1 WHERE id IN ({own 1..1500}, {own 1..1500});
UPDATE {t} SET w = NULL WHERE id = {own 1..1500};

DELETE FROM {t} WHERE id = {own 1..1500};

BEGIN;
UPDATE {t} SET v = -{n} WHERE id = {own 1..1500};
WAIT 4;
COMMIT;

BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE {t} SET v = {n} WHERE id = {own 1..1500};
COMMIT;
