-- what is written to f fits a FLOAT: before and after the ALTER it is the same number
UPDATE {t} SET money = -9999999999.99, wide = -0.000000000000000000000000000001 WHERE id = {own 1..3000};

UPDATE {t} SET f = 1.7014118346046923e38, kept = 3.4028234e38, d = 1.7976931348623157e308 WHERE id = {own 1..3000};

UPDATE {t} SET f = {-1000000..1000000} / 8, kept = {-1000000..1000000} / 7, d = {-1000000..1000000} / 7 WHERE id = {own 1..3000};

UPDATE {t} SET d = 4.9406564584124654e-324, kept = 1.17549435e-38, narrow = 9999.9999 WHERE id = {own 1..3000};

INSERT INTO {t} (id, money, f, kept, d) VALUES (10000 + {n}, 0.01, 16777216, 16777217, -0e0);

DELETE FROM {t} WHERE id = {own 1..3000};
