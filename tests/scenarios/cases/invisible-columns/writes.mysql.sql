UPDATE {t} SET hidden = {n} WHERE no = {own 1..2000};

UPDATE {t} SET v = {n} WHERE no = {own 1..2000};

DELETE FROM {t} WHERE no = {own 1..2000};
