UPDATE {t} SET v = {n} WHERE no = {own 1..3000};

-- from one shop to another
UPDATE {t} SET shop = {a:-2..4}, no = no WHERE no = {own 1..3000};

-- along the second half, out and back in
UPDATE {t} SET no = no + 100000 WHERE no = {a:own 1..3000};

UPDATE {t} SET no = no - 100000 WHERE no = 100000 + {own 1..3000};

INSERT INTO {t} VALUES ({-2..4}, 1000000 + {n}, 1);

DELETE FROM {t} WHERE no = {own 1..3000};
