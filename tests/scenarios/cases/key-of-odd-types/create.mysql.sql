CREATE TABLE {t} (y YEAR NOT NULL, span TIME(2) NOT NULL, tiny TINYINT NOT NULL, d DECIMAL(4,2) NOT NULL, v INT, no INT NOT NULL, PRIMARY KEY (y, span, tiny, d));

INSERT INTO {t} SELECT IF(n % 7, 1901 + n % 200, 0), SEC_TO_TIME(n * 60 - 60000.5), n % 256 - 128, -n / 100, n, n FROM {numbers 2000};
