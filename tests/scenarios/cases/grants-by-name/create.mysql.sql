CREATE TABLE {t} (Id INT NOT NULL PRIMARY KEY, v INT, a INT DEFAULT 1, b INT DEFAULT 2, CONSTRAINT positive CHECK (a > 0));

INSERT INTO {t} (id, v) SELECT n, n FROM {numbers 600};

GRANT DELETE ON {t} TO osc_reader;

GRANT SELECT (id, a, b), UPDATE (a) ON {t} TO osc_reader;
