-- by a column that has the same name before and after
UPDATE {t} SET v = v + 100000 WHERE v = {own 1..2500};

DELETE FROM {t} WHERE v = {own 1..2500};
