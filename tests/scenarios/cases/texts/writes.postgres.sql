UPDATE {t} SET c = E'x\\z''"%_', v = E'tab\tline\nreturn\r', x = '   ', nam = 'ä', one = '' WHERE id = {own 1..1500};

UPDATE {t} SET v = '$$ $1 %s \N \. {n}', b = sha512('{n}'), x = repeat(E'\\''"', {1..3000}) WHERE id = {own 1..1500};

UPDATE {t} SET c = '', v = '', x = '', b = '', one = NULL WHERE id = {own 1..1500};

INSERT INTO {t} (id, c, v, b) VALUES (10000 + {n}, ' x ', '--; /* no comment */ # {n}', '\x00');

DELETE FROM {t} WHERE id = {own 1..1500};
