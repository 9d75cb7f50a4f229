CREATE DOMAIN positive AS integer CHECK (VALUE > 0);

CREATE TYPE pair AS (a integer, b text);

CREATE TYPE mood AS ENUM ('sad', 'glad');

CREATE TABLE {t} (
  id integer PRIMARY KEY, p positive, c pair, cs pair[], i integer[], txt text[][], m mood[], r int4range, mr datemultirange, tr tstzrange,
  ts tsvector, q tsquery, a inet, n cidr, mac macaddr8, pt point, box box, path jsonpath, o regclass, x xid8, v integer
);

INSERT INTO {t} SELECT n, n, (n, 'x"y')::pair, ARRAY[(1, NULL)::pair, NULL], ARRAY[n, NULL], '{{a,"b c"},{NULL,"NULL"}}', '{sad,glad}', int4range(1, n + 2, '[]'),
  '{[2024-01-01,2024-02-01),[2024-03-01,)}', tstzrange(NULL, '2024-01-01'), to_tsvector('simple', 'some words ' || n), 'a & b', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03:04:05',
  point(n, -0.1), box(point(0, 0), point(1, n)), '$.a[*] ? (@ > 1)', 'pg_class', '18446744073709551615', n
FROM {numbers 1500};
