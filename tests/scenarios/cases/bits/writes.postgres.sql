UPDATE {t} SET one = B'1', five = {0..31}::bit(5), any_length = B'' WHERE id = {own 1..2000};

UPDATE {t} SET any_length = {n}::bit(64)::varbit, five = NULL WHERE id = {own 1..2000};

INSERT INTO {t} (id, one, five, any_length) VALUES (10000 + {n}, B'1', B'00001', B'0');

DELETE FROM {t} WHERE id = {own 1..2000};
