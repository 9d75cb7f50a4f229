UPDATE {t} SET v = {n} WHERE id = {own 1..600};

INSERT INTO {t} (id, v) VALUES (10000 + {n}, 1);

DELETE FROM {t} WHERE id = {own 1..600};
