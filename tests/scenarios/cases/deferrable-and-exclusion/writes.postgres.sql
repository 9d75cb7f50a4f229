-- swap without a detour: the constraint looks at the end only
BEGIN;
UPDATE {t} x SET place = y.place FROM {t} y WHERE x.id IN ({a:1..700}, {b:701..1500}) AND y.id IN ({a}, {b}) AND x.id <> y.id;
COMMIT;

-- ranges that give way to each other
BEGIN;
UPDATE {t} SET during = 'empty' WHERE id = {a:1..1500};
UPDATE {t} SET during = int4range(id * 10 + 5, id * 10 + 9) WHERE id = {a};
COMMIT;

INSERT INTO {t} VALUES (10000 + {n}, 10000 + {n}, int4range(100000 + {n} * 10, 100004 + {n} * 10), 1);

UPDATE {t} SET v = {n} WHERE id = {1..1500};
