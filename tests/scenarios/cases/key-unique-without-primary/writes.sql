UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET maybe = NULL WHERE no = {own 1..2000};

UPDATE {t} SET maybe = 100000 + {n} WHERE no = {own 1..2000};

UPDATE {t} SET code = 'moved{n}' WHERE no = {own 1..2000};

INSERT INTO {t} VALUES ({n}, NULL, 'new', 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
