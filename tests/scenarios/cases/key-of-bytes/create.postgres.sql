CREATE TABLE {t} (id bytea PRIMARY KEY, v integer, no integer NOT NULL);

INSERT INTO {t} SELECT int4send(n) || repeat('\000', n % 4)::bytea, n, n FROM {numbers 2000};
