UPDATE {t} SET name = upper(name::text) WHERE no = {own 1..1500};

UPDATE {t} SET name = lower(name::text), h = h || hstore('n', NULL) WHERE no = {own 1..1500};

UPDATE {t} SET v = {n}, l = 'a.b' WHERE name = 'NAME' || {own 1..1500};

INSERT INTO {t} VALUES ('New{n}', '', '', 100000 + {n}, 'empty', 100000 + {n}, 1);

DELETE FROM {t} WHERE no = {own 1..1500};
