UPDATE {t} SET note = 'u{n}' WHERE id = 1 + {own 1..1999};

INSERT INTO {t} VALUES (10000 + {n}, 'new');
