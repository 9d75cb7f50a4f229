UPDATE {t} SET v = {n} WHERE id = {own 1..2000};

DELETE FROM {t} WHERE id = {own 1..2000};

UPDATE {t} SET id = -id WHERE id = {own 1..2000};
