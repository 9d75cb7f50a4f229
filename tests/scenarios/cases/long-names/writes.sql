UPDATE {t} SET v = 100000 + {n} WHERE id = {own 1..500};

INSERT INTO {t} VALUES (10000 + {n}, -{n});

DELETE FROM {t} WHERE id = {own 1..500};
