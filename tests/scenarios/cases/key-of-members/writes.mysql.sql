UPDATE {t} SET v = v + 1 WHERE bits = {own 1..500};

UPDATE {t} SET e = {1..3}, s = {1..3} WHERE bits = {own 1..500};

DELETE FROM {t} WHERE bits = {own 1..500};

INSERT INTO {t} VALUES ('b', 1000 + {n}, 'p,q', 1);
