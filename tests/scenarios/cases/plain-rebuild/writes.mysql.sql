UPDATE {t} SET v = {n} WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, 1);
