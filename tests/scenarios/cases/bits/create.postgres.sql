CREATE TABLE {t} (id integer PRIMARY KEY, one bit NOT NULL, five bit(5), any_length bit varying, v integer);

INSERT INTO {t} SELECT n, (n % 2)::bit(1), (n % 32)::bit(5), ('000' || repeat('01', n % 50))::varbit, n FROM {numbers 2000};
