CREATE TABLE {t} (id uuid PRIMARY KEY, v integer, no integer NOT NULL UNIQUE);

INSERT INTO {t} SELECT md5(n::text)::uuid, n, n FROM {numbers 2500};
