UPDATE {t} SET v = {n} WHERE id = {own 1..200};

UPDATE {t} SET b = decode(repeat(md5('{n}'), {1..9000}), 'hex') WHERE id = {own 1..200};

UPDATE {t} SET txt = txt || '😀', b = '' WHERE id = {own 1..200};

INSERT INTO {t} VALUES (10000 + {n}, 0, repeat('x', {1..200000})::bytea, NULL);
