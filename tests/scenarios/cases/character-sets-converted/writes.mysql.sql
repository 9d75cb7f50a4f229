UPDATE {t} SET western = 'café {n}', cyrillic = 'Ёлка', wide = '語', greek = 'ψυχή', old = 'œuvre' WHERE id = {own 1..2000};

INSERT INTO {t} (id, western, e, code) VALUES (10000 + {n}, 'ÿÿÿ', 'x', 'ab');

UPDATE {t} SET e = 'x', cyrillic = NULL, b = x'C3A4' WHERE id = {own 1..2000};

DELETE FROM {t} WHERE id = {own 1..2000};
