UPDATE {t} SET v = {n} WHERE id = {own 1..1900};

-- prepared, and in the log, while the copy goes on
ONCE XA START 'osc committed';
UPDATE {t} SET v = -1 WHERE id BETWEEN 1901 AND 1910;
DELETE FROM {t} WHERE id BETWEEN 1911 AND 1920;
INSERT INTO {t} VALUES (10000, 1);
XA END 'osc committed';
XA PREPARE 'osc committed';
WAIT 20;
XA COMMIT 'osc committed';

ONCE XA START 'osc rolled back';
UPDATE {t} SET v = -1 WHERE id BETWEEN 1931 AND 1940;
DELETE FROM {t} WHERE id BETWEEN 1941 AND 1950;
XA END 'osc rolled back';
XA PREPARE 'osc rolled back';
WAIT 20;
XA ROLLBACK 'osc rolled back';

ONCE XA START 'osc one';
UPDATE {t} SET id = id + 50000 WHERE id BETWEEN 1961 AND 1970;
XA END 'osc one';
WAIT 20;
XA COMMIT 'osc one' ONE PHASE;
