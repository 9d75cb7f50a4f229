UPDATE {t} SET colour = 'green', shade = 'ö', tags = 'x,z', marks = 'two,three' WHERE id = {own 1..2000};

UPDATE {t} SET colour = 'blue', tags = '', marks = '', e = '1' WHERE id = {own 1..2000};

INSERT INTO {t} (id, colour, tags, marks, e) VALUES (10000 + {n}, 'red', 'y', 'one', '0');

UPDATE {t} SET shade = NULL, marks = NULL, e = NULL WHERE id = {own 1..2000};

DELETE FROM {t} WHERE id = {own 1..2000};
