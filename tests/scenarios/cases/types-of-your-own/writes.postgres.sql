UPDATE {t} SET c = ROW(NULL, ''), cs = '{}', i = '[0:1]={7,8}', txt = '{}' WHERE id = {own 1..1500};

UPDATE {t} SET r = 'empty', mr = '{}', tr = '(,)', ts = '''a b'':1A ''c'':2', a = NULL WHERE id = {own 1..1500};

INSERT INTO {t} (id, p, m, pt) VALUES (10000 + {n}, 5, NULL, point('NaN', 'Infinity'));

DELETE FROM {t} WHERE id = {own 1..1500};
