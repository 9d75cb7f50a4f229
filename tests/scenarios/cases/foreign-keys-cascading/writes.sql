DELETE FROM {s}.parent WHERE id = {1..300};

UPDATE {s}.parent SET id = 1000 + {n} WHERE id = {1..300};

INSERT INTO {s}.parent VALUES (100000 + {n}, 1);
INSERT INTO {t} VALUES (100000 + {n}, 100000 + {n}, NULL, NULL, 3);

DELETE FROM {t} WHERE id = {1..300};

UPDATE {t} SET v = {n} WHERE id = {1..300};
