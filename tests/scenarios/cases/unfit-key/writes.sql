UPDATE {t} SET v = {n} WHERE id = 100000 * {own 1..2000};
