UPDATE {t} SET v = {n} WHERE id = {own 1..500};

INSERT INTO {t} VALUES (NULL, {n});
