CREATE TABLE {t} (a INT, id INT NOT NULL, b VARCHAR(20), shop INT NOT NULL, c TEXT, PRIMARY KEY (shop, id));

INSERT INTO {t} SELECT n, n, 'b', n % 3, REPEAT('c', n % 50) FROM {numbers 2000};
