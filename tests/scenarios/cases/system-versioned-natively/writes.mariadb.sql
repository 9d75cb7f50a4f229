UPDATE {t} SET v = v + {n} WHERE id = {own 1..900};

DELETE FROM {t} WHERE id = {own 1..900};
