CREATE TABLE {t} (id integer PRIMARY KEY, a integer, b integer, CONSTRAINT positive CHECK (a > 0), CONSTRAINT going CHECK (b < 1000000), CHECK (b <> -1));

INSERT INTO {t} SELECT n, n, n FROM {numbers 2000};

-- the old rows need not fulfil it
ALTER TABLE {t} ADD CONSTRAINT later CHECK (a <> 7) NOT VALID;
