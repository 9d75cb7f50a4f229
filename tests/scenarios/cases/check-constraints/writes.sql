UPDATE {t} SET a = 10 + {n}, b = {5..9} WHERE id = {own 10..2000};

INSERT INTO {t} (id, a, b) VALUES (10000 + {n}, 8, 8);

DELETE FROM {t} WHERE id = {own 1..2000};
