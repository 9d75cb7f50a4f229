UPDATE {t} SET v = {n} WHERE id = UNHEX(LEFT(SHA2({own 1..2500}, 256), 32));

UPDATE {t} SET id = UNHEX(LEFT(SHA2(CONCAT('moved', {n}), 256), 32)) WHERE no = {own 1..2500};

INSERT INTO {t} VALUES (UNHEX(LEFT(SHA2(-{n} - 1, 256), 32)), 0, 10000 + {n});

DELETE FROM {t} WHERE no = {own 1..2500};
