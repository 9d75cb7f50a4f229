UPDATE {t} SET v = {n} WHERE id = {own 1..2000};

UPDATE {t} SET id = id + 10001 WHERE id = {own 1..2000};

INSERT INTO {t} VALUES (-{n} - 1, 1);

DELETE FROM {t} WHERE id = {own 1..2000};
