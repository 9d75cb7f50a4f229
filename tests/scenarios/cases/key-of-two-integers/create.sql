CREATE TABLE {t} (shop INT NOT NULL, no INT NOT NULL, v INT, PRIMARY KEY (shop, no));

INSERT INTO {t} SELECT n % 3 - 1, n, n FROM {numbers 3000};
