UPDATE {t} SET e = 'nonsense', f = 'nonsense' WHERE id = {own 1..1500};

UPDATE {t} SET e = '', f = 'y' WHERE id = {own 1..1500};

INSERT INTO {t} (id, e, f) VALUES (10000 + {n}, 'none', 'none');
