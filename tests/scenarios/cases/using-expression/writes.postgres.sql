UPDATE {t} SET v = 'u{n}', b = b WHERE id = {own 1..2500};

DELETE FROM {t} WHERE id = {own 1..2500};

UPDATE {t} SET id = -id WHERE id = {own 1..2500};

BEGIN;
DELETE FROM {t} WHERE id = {a:own 1..2500};
INSERT INTO {t} (id, b, v) VALUES (-{n} - 10000, NULL, 'x');
DELETE FROM {t} WHERE id = -{n} - 10000;
COMMIT;
