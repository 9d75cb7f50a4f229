UPDATE {t} SET v = {n} WHERE id = {own 1..300};

DELETE FROM {t} WHERE id = {own 1..300};

INSERT INTO {t} (id, v, note) VALUES (1000 + {n}, 1, 'new');
DELETE FROM {t} WHERE id = 1000 + {n} - 40;
