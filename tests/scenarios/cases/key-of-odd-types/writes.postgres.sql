UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET e = 'a' WHERE no = {own 1..2000};

UPDATE {t} SET addr = addr + 65536, span = span - interval '2 months' WHERE no = {own 1..2000};

UPDATE {t} SET r = int4range(NULL, no), yes = NOT yes, s = s + 1 WHERE no = {own 1..2000};

INSERT INTO {t} VALUES ('b', B'000000000000', '::1', '{n} days', 'empty', true, 1, 10000 + {n}, 7);

DELETE FROM {t} WHERE no = {own 1..2000};
