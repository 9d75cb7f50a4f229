UPDATE {t} SET v = {n} WHERE id = {own 1..500};

INSERT INTO {t} VALUES (1000 + {n}, {1..50}, NULL, 1);
INSERT INTO {s}.child VALUES (1000 + {n}, 1000 + {n}, NULL);
INSERT INTO {s}.another VALUES (1000 + {n});

DELETE FROM {t} WHERE id = {own 1..500};

UPDATE {t} SET id = 100000 + {n} WHERE id = {own 1..300};

INSERT INTO {s}.parent VALUES (1000 + {n}, 5);
INSERT INTO {t} VALUES (200000 + {n}, 1000 + {n}, NULL, 1);
DELETE FROM {t} WHERE id = 200000 + {n};
DELETE FROM {s}.parent WHERE id = 1000 + {n};

CALL {s}.orphan({n});

CALL {s}.nobodys({n});

CALL {s}.orphaned({1..3});
