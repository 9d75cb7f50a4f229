UPDATE {t} SET bi = -9223372036854775808, bu = 18446744073709551615, mi = -8388608, mu = 16777215 WHERE id = {own 1..3000};

UPDATE {t} SET ti = {-128..127}, tu = {0..255}, si = {-32768..32767}, su = {0..65535}, i = {-2147483648..2147483647}, iu = {0..4294967295} WHERE id = {own 1..3000};

INSERT INTO {t} (id, tu, iu, bu, yes) VALUES (10000 + {n}, 255, 4294967295, 9223372036854775808, TRUE);

INSERT INTO {t} (id, tu, i) VALUES (-{n} - 1, 0, -2147483648);

DELETE FROM {t} WHERE id = {own 1..3000};

UPDATE {t} SET i = NULL, bi = NULL, bu = NULL, z = NULL WHERE id = {own 1..3000};
