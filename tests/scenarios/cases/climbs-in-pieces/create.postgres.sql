CREATE TABLE other (id integer PRIMARY KEY, u integer UNIQUE);

INSERT INTO other SELECT n, n FROM {numbers 50};

CREATE TABLE {t} (a integer, b integer, c integer DEFAULT 1, going text, r integer REFERENCES other,
    CONSTRAINT old CHECK (c > 0), CONSTRAINT u_old UNIQUE (b));

INSERT INTO {t} SELECT n, n, 1 + n % 9, 'x', 1 + n % 50 FROM {numbers 2000};

ALTER TABLE {t} ADD CONSTRAINT lax CHECK (a > 0) NOT VALID;

CREATE INDEX t_sum ON {t} ((a + b));

CREATE VIEW seen AS SELECT b, r FROM {t};

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';

CREATE TRIGGER touched BEFORE UPDATE OF c ON {t} FOR EACH ROW EXECUTE FUNCTION touch();

COMMENT ON CONSTRAINT old ON {t} IS 'of old';
