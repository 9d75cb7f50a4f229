UPDATE {t} SET a = {n}, b = {-9..9} WHERE id = {own 1..2000};

UPDATE {t} SET b = NULL WHERE id = {own 1..2000};

INSERT INTO {t} (id, a, b) VALUES (10000 + {n}, {n}, 1);

DELETE FROM {t} WHERE id = {own 1..2000};
