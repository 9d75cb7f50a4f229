UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET id = CONCAT(id, x'00') WHERE no = {own 1..2000} AND LENGTH(id) < 30;

UPDATE {t} SET id = CONCAT(x'FFFE5C27', id) WHERE no = {own 1..2000} AND LENGTH(id) < 30;

INSERT INTO {t} VALUES (CONCAT('text {n}', x'20'), 0, 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
