UPDATE {t} SET bi = -9223372036854775808, i = -2147483648, si = -32768, o = 4294967295 WHERE id = {own 1..3000};

UPDATE {t} SET si = {-32768..32767}, i = {-2147483648..2147483647}, bi = {0..4294967295} WHERE id = {own 1..3000};

INSERT INTO {t} (id, i, bi, yes) VALUES (10000 + {n}, 2147483647, 9223372036854775807, true);

INSERT INTO {t} (id, i, o) VALUES (-{n} - 1, 0, 0);

DELETE FROM {t} WHERE id = {own 1..3000};

UPDATE {t} SET i = NULL, bi = NULL, o = NULL WHERE id = {own 1..3000};
