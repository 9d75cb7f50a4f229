CREATE TABLE elder (id integer NOT NULL, CONSTRAINT eldest CHECK (id > -9), CONSTRAINT alone CHECK (id <> 7) NO INHERIT);

CREATE TABLE parent (v integer, CONSTRAINT own CHECK (v <> -1)) INHERITS (elder);

CREATE TABLE {t} (extra integer, r int4range, EXCLUDE USING gist (r WITH &&) WITH (fillfactor = 70)) INHERITS (parent);

ALTER TABLE {t} ADD PRIMARY KEY (id) WITH (fillfactor = 60);

INSERT INTO {t} SELECT n, n, n, int4range(n, n + 1) FROM {numbers 600};

INSERT INTO parent SELECT n, n FROM {numbers 100};
