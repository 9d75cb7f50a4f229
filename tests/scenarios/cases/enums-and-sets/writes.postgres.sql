UPDATE {t} SET a = 'green', b = 'red', d = '{}' WHERE id = {own 1..2000};

UPDATE {t} SET b = NULL, c = 'blue', d = '{green,NULL}' WHERE id = {own 1..2000};

INSERT INTO {t} (id, a, c) VALUES (10000 + {n}, 'red', 'green');

DELETE FROM {t} WHERE id = {own 1..2000};
