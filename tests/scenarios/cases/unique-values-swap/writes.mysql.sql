-- two rows swap their places
BEGIN;
SELECT place INTO @a FROM {t} WHERE id = {a:1..1500};
SELECT place INTO @b FROM {t} WHERE id = {b:1501..3000};
UPDATE {t} SET place = NULL WHERE id = {a};
UPDATE {t} SET place = @a WHERE id = {b};
UPDATE {t} SET place = @b WHERE id = {a};
COMMIT;

-- one row gives its place to a new one
BEGIN;
SELECT place INTO @a FROM {t} WHERE id = {a:1..3000};
UPDATE {t} SET place = NULL WHERE id = {a};
INSERT INTO {t} VALUES (10000 + {n}, @a, 'heir');
COMMIT;

-- and a new one gives it back to a row that has none
BEGIN;
SELECT COALESCE(MIN(id), 0) INTO @heir FROM {t} WHERE id >= 10000 AND place IS NOT NULL;
SELECT MIN(place) INTO @a FROM {t} WHERE id = @heir;
SELECT COALESCE(MIN(id), 0) INTO @poor FROM {t} WHERE id < 10000 AND place IS NULL;
DELETE FROM {t} WHERE id = @heir;
UPDATE {t} SET place = @a WHERE id = @poor;
COMMIT;

-- everybody behind somebody moves up by one, the last first
UPDATE {t} SET place = place + 1 WHERE place > {2850..3000} ORDER BY place DESC;

-- a stretch moves away and back in one transaction
BEGIN;
UPDATE {t} SET place = place + 1000000 WHERE id BETWEEN {a:1..2900} AND {a} + 20;
UPDATE {t} SET place = place - 1000000 WHERE place > 1000000;
COMMIT;
