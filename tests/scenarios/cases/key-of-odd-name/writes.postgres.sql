UPDATE {t} SET v = {n} WHERE "quo`te""d" = {own 1..1000};

UPDATE {t} SET "quo`te""d" = "quo`te""d" + 10000 WHERE "quo`te""d" = {own 1..1000};

INSERT INTO {t} VALUES (100000 + {n}, 1);
