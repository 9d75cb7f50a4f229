UPDATE {t} SET v = {n} WHERE id = {own 1..200};

UPDATE {t} SET b = REPEAT(UNHEX(SHA2({n}, 512)), {1..9000}) WHERE id = {own 1..200};

UPDATE {t} SET txt = CONCAT(txt, '😀'), b = '' WHERE id = {own 1..200};

INSERT INTO {t} VALUES (10000 + {n}, 0, REPEAT('x', {1..200000}), NULL);
