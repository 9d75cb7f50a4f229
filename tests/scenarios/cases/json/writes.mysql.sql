-- doc becomes a text and txt a JSON: what is written to them reads the same as either
UPDATE {t} SET doc = '{"d": 1.5, "e": "A \\" ä {n}"}' WHERE id = {own 1..1500};

UPDATE {t} SET kept = JSON_OBJECT('n', {n}, 'dec', 1.10, 'deep', JSON_ARRAY(1, 2.50, '3')) WHERE id = {own 1..1500};

UPDATE {t} SET kept = JSON_SET(kept, '$.x{n}', 1.0), txt = '[]' WHERE id = {own 1..1500};

INSERT INTO {t} VALUES (10000 + {n}, NULL, 'null', {n}, '"s"');

DELETE FROM {t} WHERE id = {own 1..1500};
