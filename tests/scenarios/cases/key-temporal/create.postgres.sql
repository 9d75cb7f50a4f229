CREATE TABLE {t} (seen timestamp NOT NULL, day date NOT NULL, stamp timestamptz NOT NULL, v integer, no integer NOT NULL, PRIMARY KEY (stamp, seen, day));

INSERT INTO {t} SELECT '2024-01-01'::timestamp + n * interval '1 microsecond', date '4713-01-01 BC' + n % 7, '2024-03-31 00:00:00.000001+00'::timestamptz + n * interval '1 minute', n, n FROM {numbers 2000};

INSERT INTO {t} VALUES ('-infinity', 'infinity', 'infinity', 0, 0), ('infinity', '-infinity', '-infinity', 0, -1);
