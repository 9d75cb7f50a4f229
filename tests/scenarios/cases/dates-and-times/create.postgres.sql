CREATE TABLE {t} (
  id integer PRIMARY KEY,
  day date NOT NULL, moment timestamp, stamp timestamptz, plain timestamp(0), hour time, zoned timetz, span interval,
  note varchar(10)
);

INSERT INTO {t}
SELECT n, (ARRAY['-infinity', 'infinity', '4713-01-01 BC', '5874897-12-31']::date[])[1 + n % 4],
  (ARRAY['-infinity', 'infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999']::timestamp[])[1 + n % 4],
  (ARRAY['-infinity', 'infinity', '2024-03-31 01:30:00+00', '2024-10-27 00:30:00.000001+00']::timestamptz[])[1 + n % 4],
  '2024-02-28'::timestamp + n * interval '1 hour', '24:00:00', '23:59:59.999999-15:59',
  (ARRAY['-178000000 years', '1 mon -1 day 00:00:00.000001', '1 year 2 mons -3 days']::interval[])[1 + n % 3], n
FROM {numbers 3000};
