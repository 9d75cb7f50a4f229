UPDATE {t} SET doc = '{"d": 99999999999999999999.50, "e": "\u0041 \" \\", "d": 1}' WHERE id = {own 1..1500};

UPDATE {t} SET kept = jsonb_build_object('n', {n}, 'dec', 1.10, 'deep', '[1, 2.50]'::jsonb) WHERE id = {own 1..1500};

UPDATE {t} SET same = '{"z" : {n},"a":  [ ]}', kept = 'null' WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, NULL, '"s"', '1.000', {n});

DELETE FROM {t} WHERE id = {own 1..1500};
