CREATE TABLE {t} (
  id integer PRIMARY KEY,
  amount numeric(12,2) NOT NULL, wide numeric, f real, kept real, d double precision NOT NULL, price money
);

INSERT INTO {t}
SELECT n, n / 100.0, '123456789012345678901234567890.1234567890123456789012345678901234567890',
  (ARRAY['NaN', '-Infinity', '-0', '1.1']::real[])[1 + n % 4], n * 1.1,
  (ARRAY['NaN', 'Infinity', '-0', '0.1']::float8[])[1 + n % 4], n * 1.01::numeric::money
FROM {numbers 3000};
