UPDATE {t} SET v = {n} WHERE id = {own 2..500};
