UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET stamp = stamp + interval '3 hours' WHERE no = {own 1..2000};

UPDATE {t} SET seen = seen - interval '1 microsecond', day = 'infinity' WHERE no = {own 1..2000};

INSERT INTO {t} VALUES ('2000-01-01'::timestamp + {n} * interval '1 second', 'epoch', '-infinity', 0, 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
