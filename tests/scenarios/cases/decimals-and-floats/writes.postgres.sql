-- what is written to f fits a real: before and after the ALTER it is the same number
UPDATE {t} SET amount = -9999999999.99, wide = 1.000 WHERE id = {own 1..3000};

UPDATE {t} SET wide = 'NaN', kept = '3.4028235e38', d = '1.7976931348623157e308' WHERE id = {own 1..3000};

UPDATE {t} SET f = {-1000000..1000000} / 8.0, kept = {-1000000..1000000} / 7.0, d = {-1000000..1000000} / 7.0 WHERE id = {own 1..3000};

UPDATE {t} SET d = '4.9406564584124654e-324', f = '-0', wide = 1e-40, price = '-92233720368547758.08' WHERE id = {own 1..3000};

INSERT INTO {t} (id, amount, f, kept, d) VALUES (10000 + {n}, 0.01, 16777216, 16777217, '-0');

DELETE FROM {t} WHERE id = {own 1..3000};
