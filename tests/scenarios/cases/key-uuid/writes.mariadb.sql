UPDATE {t} SET v = {n} WHERE no = {own 1..2500};

UPDATE {t} SET id = CONCAT('aaaaaaaa-bbbb-1ccc-8ddd-', LPAD(HEX({n}), 12, '0')) WHERE no = {own 1..2500};

INSERT INTO {t} VALUES (CONCAT(LPAD(HEX({n}), 8, '0'), '-bbbb-7ccc-8ddd-ffffffffffff'), 0, 10000 + {n});

DELETE FROM {t} WHERE no = {own 1..2500};
