CREATE TABLE {t} (
    id INT NOT NULL PRIMARY KEY, f FLOAT, g FLOAT, d DOUBLE, m FLOAT(10,3), n DOUBLE(20,2), z INT(5) ZEROFILL,
    zd DECIMAL(10,3) ZEROFILL, zf DOUBLE(10,3) ZEROFILL, y YEAR, b BIT(8), zb INT(7) ZEROFILL, yb YEAR
);

INSERT INTO {t} SELECT n, -n / 10, n * 1234567.1, n / 7, n / 3, n / 3, n, n / 3, n / 3, IF(n % 2, 0, 1900 + n % 200 + 1), n % 256, n, 0
    FROM {numbers 300};
