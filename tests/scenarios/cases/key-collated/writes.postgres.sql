UPDATE {t} SET v = {n} WHERE name = 'a' || 6 * {a:1..400} AND no % {writers} = {w};

UPDATE {t} SET name = upper(name) WHERE no = {own 1..2500};

UPDATE {t} SET name = 'ÄÉ' || no WHERE no = {own 1..2500};

INSERT INTO {t} (name, v, no) VALUES ('new ' || {n}, -1, 100000 + {n});

BEGIN;
INSERT INTO {t} (name, v, no) VALUES ('new {n}', -1, 100000 + {n});
DELETE FROM {t} WHERE name = 'new {n}';
INSERT INTO {t} (name, v, no) VALUES ('New {n}', -2, 100000 + {n});
COMMIT;

DELETE FROM {t} WHERE no = {own 1..2500};
