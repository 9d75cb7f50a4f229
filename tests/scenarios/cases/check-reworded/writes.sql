UPDATE {t} SET v = {n} WHERE id = {own 1..300};
