UPDATE {t} SET v = {1..100} WHERE id = {own 1..500};

INSERT INTO {t} (id, parent, v) VALUES (1000 + {n}, {1..100}, {1..100});

INSERT INTO {s}.child VALUES (1000 + {n}, {own 1..500});
DELETE FROM {s}.child WHERE id = {own 1..300};

INSERT INTO {s}.parent VALUES (1000 + {n});
