UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

UPDATE {t} SET y = 2155, span = '-838:59:59' WHERE no = {own 1..2000};

UPDATE {t} SET tiny = 127, span = SEC_TO_TIME(-no / 100) WHERE no = {own 1..2000};

INSERT INTO {t} VALUES (2000, SEC_TO_TIME({n}), 0, 0, 1, 10000 + {n});

DELETE FROM {t} WHERE no = {own 1..2000};
