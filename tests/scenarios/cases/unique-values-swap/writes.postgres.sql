-- two rows swap their places
BEGIN;
UPDATE {t} SET place = -place WHERE id IN ({a:1..1500}, {b:1501..3000}) AND 2 = (SELECT count(place) FROM {t} WHERE id IN ({a}, {b}));
UPDATE {t} x SET place = -y.place FROM {t} y WHERE x.id IN ({a}, {b}) AND y.id IN ({a}, {b}) AND x.id <> y.id AND y.place < 0;
COMMIT;

-- one row gives its place to a new one
BEGIN;
WITH given AS (SELECT place FROM {t} WHERE id = {a:1..3000} AND place > 0), freed AS (UPDATE {t} SET place = NULL WHERE id = {a} AND place > 0) INSERT INTO {t} SELECT 10000 + {n}, -place, 'heir' FROM given;
UPDATE {t} SET place = -place WHERE id = 10000 + {n};
COMMIT;

-- a new one is gone, and a row that has no place gets one behind everybody
BEGIN;
DELETE FROM {t} WHERE id = (SELECT min(id) FROM {t} WHERE id >= 10000);
UPDATE {t} SET place = (SELECT max(place) + 1 FROM {t}) WHERE id = (SELECT min(id) FROM {t} WHERE place IS NULL);
COMMIT;

-- a stretch moves away and back in one transaction
BEGIN;
UPDATE {t} SET place = place + 1000000 WHERE id BETWEEN {a:1..2900} AND {a} + 20;
UPDATE {t} SET place = place - 1000000 WHERE place > 1000000;
COMMIT;
