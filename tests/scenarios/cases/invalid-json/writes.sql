UPDATE {t} SET doc = '[{n}]' WHERE id = {own 1..1900};
