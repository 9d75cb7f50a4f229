CREATE TYPE colour AS ENUM ('red', 'green', 'blue');

CREATE TYPE paint AS ENUM ('blue', 'yellow', 'red', 'green');

CREATE TABLE {t} (id integer PRIMARY KEY, a colour NOT NULL, b colour DEFAULT 'green', c text, d colour[]);

INSERT INTO {t} SELECT n, (ARRAY['red', 'green', 'blue']::colour[])[1 + n % 3], 'blue', 'red', '{red,blue}' FROM {numbers 2000};
