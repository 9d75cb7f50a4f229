BEGIN;
UPDATE {t} SET v = {n}, note = 'long' WHERE id = {own 1..3000};
DELETE FROM {t} WHERE id = {own 1..3000};
INSERT INTO {t} VALUES (10000 + {n}, 0, 'long');
WAIT 6;
UPDATE {t} SET v = -{n} WHERE id = {own 1..3000};
UPDATE {t} SET id = -id WHERE id = {own 1..3000};
WAIT 6;
DELETE FROM {t} WHERE id = {own 1..3000};
COMMIT;

UPDATE {t} SET v = {n} WHERE id = {own 1..3000};

UPDATE {t} SET note = 'short' WHERE id = {own 1..3000};

UPDATE {t} SET note = NULL WHERE id = {own 1..3000};
