CREATE TABLE {t} (e ENUM('z', 'b', 'a') NOT NULL, bits BIT(12) NOT NULL, s SET('p', 'q') NOT NULL, v INT, PRIMARY KEY (e, bits, s));

INSERT INTO {t} SELECT 1 + n % 3, n, 1 + n % 2, n FROM {numbers 500};
