UPDATE {t} SET v = v + 1 WHERE v = {own 1..500};

UPDATE {t} SET word = UPPER(word) WHERE v = {own 1..500};

UPDATE {t} SET mood = 'so', word = CONCAT('x', {n}, ' ') WHERE v = {own 1..500};

DELETE FROM {t} WHERE v = {own 1..500};

DELETE FROM {t} WHERE word IN ('new {a:own 1..50}', 'NEW {a}');
INSERT INTO {t} VALUES ('NEW {a}', 'sad', {n}, {n});

INSERT INTO {t} VALUES ('é {n}', 'happy', -{n}, 1000 + {n});
