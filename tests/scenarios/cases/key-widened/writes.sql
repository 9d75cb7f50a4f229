UPDATE {t} SET v = {n} WHERE id = {own 1..1500};

UPDATE {t} SET w = {1..900} WHERE id = {own 1..1500};

INSERT INTO {t} (id, w, v, e) VALUES (10000 + {n}, 8, 1, 'a');

DELETE FROM {t} WHERE id = {own 1..1500};
