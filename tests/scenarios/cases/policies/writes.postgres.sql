UPDATE {t} SET v = {n} WHERE id = {own 1..1000};

INSERT INTO {t} VALUES (10000 + {n}, 'y', 1);
