UPDATE {t} SET v = {n} WHERE name = CONCAT('A', 6 * {a:1..400}) AND no % {writers} = {w};

-- only the letter case of the key changes
UPDATE {t} SET name = UPPER(name) WHERE no = {own 1..2500};

UPDATE {t} SET name = CONCAT('ÄÉ', no) WHERE no = {own 1..2500};

INSERT INTO {t} (name, v, no) VALUES (CONCAT('new ', {n}), -1, 100000 + {n});

-- gone, and back in other letters
BEGIN;
INSERT INTO {t} (name, v, no) VALUES ('new {n}', -1, 100000 + {n});
DELETE FROM {t} WHERE name = 'New {n}';
INSERT INTO {t} (name, v, no) VALUES ('nEW {n}', -2, 100000 + {n});
COMMIT;

DELETE FROM {t} WHERE no = {own 1..2500};
