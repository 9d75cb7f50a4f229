UPDATE {t} SET a = {0..60}, c = 'other words {n}' WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, {0..60}, 'new', NULL, 10000 + {n});

DELETE FROM {t} WHERE id = {own 1..1500};
