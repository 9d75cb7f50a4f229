UPDATE {t} SET c = 'x\0y\\z''"`%_', v = 'tab\tline\nreturn\rnul\0end\Z', cased = 'ÄäÀ 😀 ' WHERE id = {own 1..1500};

UPDATE {t} SET western = 'naïve €', cyrillic = 'Ёжик', old = 'Ωmega', wide = '字{n}', long_text = REPEAT('\\\'"', {1..3000}) WHERE id = {own 1..1500};

UPDATE {t} SET bc = x'20', bv = x'2000200000', b = x'00FFFE' WHERE id = {own 1..1500};

UPDATE {t} SET c = '', v = '', cased = '   ', long_text = '', western = '', bc = '', bv = '', b = '' WHERE id = {own 1..1500};

INSERT INTO {t} (id, c, v, b) VALUES (10000 + {n}, ' x ', '--; /* no comment */ # {n}', UNHEX(SHA2('{n}', 512)));

DELETE FROM {t} WHERE id = {own 1..1500};
