UPDATE {t} SET v = v + 1 WHERE bits = {own 1..500};
