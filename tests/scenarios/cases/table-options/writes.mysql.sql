UPDATE {t} SET v = {n}, c = REPEAT('y', {0..500}) WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, 1, NULL);

DELETE FROM {t} WHERE id = {own 1..1500};
