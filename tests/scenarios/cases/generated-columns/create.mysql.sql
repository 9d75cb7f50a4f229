CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY, a INT NOT NULL, b INT NOT NULL,
  kept_stored INT AS (a + b) STORED, kept_virtual INT AS (a * 2) VIRTUAL,
  turned_plain INT AS (a - b) STORED, going INT AS (b * 3) VIRTUAL,
  note VARCHAR(50) COMMENT 'is not GENERATED ALWAYS AS (anything)',
  KEY by_stored (kept_stored), KEY by_virtual (kept_virtual)
);

INSERT INTO {t} (id, a, b, note) SELECT n, n, n % 7, 'x' FROM {numbers 2000};
