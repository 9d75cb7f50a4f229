UPDATE {t} SET a = {0..60}, b = 'other words {n}' WHERE id = {own 1..1500};

INSERT INTO {t} (id, a, b) VALUES (10000 + {n}, {0..60}, 'new');

DELETE FROM {t} WHERE id = {own 1..1500};
