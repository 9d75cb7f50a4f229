CREATE TABLE {t} (name varchar(40) PRIMARY KEY, v integer, no integer NOT NULL);

INSERT INTO {t} SELECT (ARRAY['a', 'B', 'ä', 'É', '_', 'ß'])[1 + n % 6] || n, n, n FROM {numbers 2500};
