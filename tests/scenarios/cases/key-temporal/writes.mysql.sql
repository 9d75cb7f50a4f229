UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET stamp = stamp + INTERVAL 3 HOUR WHERE no = {own 1..2000};

UPDATE {t} SET seen = seen - INTERVAL 1 MICROSECOND, day = '9999-12-31' WHERE no = {own 1..2000};

INSERT INTO {t} VALUES ('2000-01-01' + INTERVAL {n} SECOND, '2000-01-01', '2000-06-01 02:30:00.999', 0, 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
