CREATE TABLE {t} (
  id integer PRIMARY KEY,
  si smallint, i integer, bi bigint, iu integer NOT NULL DEFAULT 7, yes boolean, o oid
);

INSERT INTO {t}
SELECT n,
  (ARRAY[-32768, 32767, NULL])[1 + n % 3], (ARRAY[-2147483648, 2147483647, NULL])[1 + n % 3],
  (ARRAY[-9223372036854775808, 9223372036854775807, NULL])[1 + n % 3],
  n, n % 2 = 0, (ARRAY[0, 4294967295, 1])[1 + n % 3]
FROM {numbers 3000};
