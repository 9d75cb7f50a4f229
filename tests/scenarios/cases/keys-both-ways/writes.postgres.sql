INSERT INTO {s}.child VALUES (100000 + {n}, {1..800}, NULL);

DELETE FROM {s}.parent WHERE id = {own 1..300};

UPDATE {s}.parent SET id = id + 100000 WHERE id = {own 301..600};

DELETE FROM {t} WHERE id = {own 901..1000};

INSERT INTO {t} (id, p, me, u, v) VALUES (100000 + {n}, 650, 100000 + {n}, 100000 + {n}, 690);

UPDATE {s}.child SET u = NULL WHERE id = {own 1..1300};

BEGIN;
INSERT INTO {s}.parent VALUES (1000000 + {n}, 1);
INSERT INTO {t} (id, p, u) VALUES (1000000 + {n}, 1000000 + {n}, 1000000 + {n});
INSERT INTO {s}.child VALUES (1000000 + {n}, 1000000 + {n}, 1000000 + {n});
COMMIT;
