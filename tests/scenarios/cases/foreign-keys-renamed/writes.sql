UPDATE {t} SET v = {1..100} WHERE second = {own 1..3};

INSERT INTO {s}.child VALUES (1000 + {n}, {own 1..500});
DELETE FROM {s}.child WHERE id = {own 1..300};
