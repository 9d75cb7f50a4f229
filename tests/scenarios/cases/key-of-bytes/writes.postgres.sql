UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET id = id || '\x00' WHERE no = {own 1..2000};

UPDATE {t} SET id = '\xfffe5c27' || id WHERE no = {own 1..2000};

INSERT INTO {t} VALUES ('text {n}', 0, 100000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
