CREATE TABLE {t} (
  id integer PRIMARY KEY, a integer NOT NULL, b integer NOT NULL,
  kept integer GENERATED ALWAYS AS (a + b) STORED,
  turned_plain integer GENERATED ALWAYS AS (a - b) STORED, going integer GENERATED ALWAYS AS (b * 3) STORED,
  note varchar(50)
);

CREATE INDEX by_kept ON {t} (kept);

INSERT INTO {t} (id, a, b, note) SELECT n, n, n % 7, 'x' FROM {numbers 2000};
