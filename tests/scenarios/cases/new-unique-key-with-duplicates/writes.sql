UPDATE {t} SET v = 'u{n}' WHERE id = {own 1..3000};

INSERT INTO {t} VALUES (10000 + {n}, 10000 + {n}, 'new');
