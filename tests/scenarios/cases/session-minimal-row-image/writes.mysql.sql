UPDATE {t} SET a = {n} WHERE id = {own 1..2000};

UPDATE {t} SET c = 'changed' WHERE id = {own 1..2000};

UPDATE {t} SET shop = shop + 3 WHERE id = {own 1..2000} AND shop < 100;

UPDATE {t} SET id = id + 100000, a = NULL WHERE id = {own 1..2000};

INSERT INTO {t} (id, shop) VALUES (-{n} - 1, 1);

DELETE FROM {t} WHERE id = {own 1..2000};
