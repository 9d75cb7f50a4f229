UPDATE {t} SET a = 5 WHERE id = {own 1..1900};
