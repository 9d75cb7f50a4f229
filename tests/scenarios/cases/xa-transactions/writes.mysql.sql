XA START 'osc{n}';
UPDATE {t} SET v = {n} WHERE id = {own 1..2000};
DELETE FROM {t} WHERE id = {own 1..2000};
XA END 'osc{n}';
XA PREPARE 'osc{n}';
XA COMMIT 'osc{n}';

XA START 'osc{n}';
UPDATE {t} SET v = -1 WHERE id = {own 1..2000};
XA END 'osc{n}';
XA PREPARE 'osc{n}';
XA ROLLBACK 'osc{n}';

XA START 'osc{n}';
INSERT INTO {t} VALUES (10000 + {n}, 1);
UPDATE {t} SET id = -id WHERE id = {own 1..2000};
XA END 'osc{n}';
XA COMMIT 'osc{n}' ONE PHASE;

UPDATE {t} SET v = {n} WHERE id = {own 1..2000};
