BEGIN;
UPDATE {t} SET place = -id WHERE id IN ({a:1..1500}, {b:1501..3000});
UPDATE {t} SET place = 1000000 + {n} WHERE id = {a};
COMMIT;

INSERT INTO {t} VALUES (10000 + {n}, 10000 + {n}, 'new');

-- the place of a row that goes is taken by one that comes
BEGIN;
DELETE FROM {t} WHERE id = 10000 + {n} - {2..9};
INSERT INTO {t} VALUES (2000000 + {n}, NULL, 'late');
COMMIT;

BEGIN;
UPDATE {t} SET place = NULL WHERE id = {a:1..3000};
UPDATE {t} SET place = 3000000 + {n} WHERE id = {a};
COMMIT;
