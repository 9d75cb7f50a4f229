CREATE TABLE {t} (id integer PRIMARY KEY, price numeric NOT NULL, twice numeric GENERATED ALWAYS AS (price * 2) STORED);

INSERT INTO {t} (id, price) SELECT n, n FROM {numbers 1000};

CREATE VIEW dear AS SELECT id, twice FROM {t} WHERE twice > 100;

CREATE FUNCTION twice_of(wanted integer) RETURNS numeric LANGUAGE sql BEGIN ATOMIC SELECT twice FROM {t} WHERE id = wanted; END;
