UPDATE {t} SET a = {n}, b = -{n}, c = 7 WHERE id = {own 1..2000};

INSERT INTO {t} (id, c, d) VALUES (10000 + {n}, {n}, 'new');

UPDATE {t} SET d = NULL, a = NULL, b = NULL WHERE id = {own 1..2000};

DELETE FROM {t} WHERE id = {own 1..2000};
