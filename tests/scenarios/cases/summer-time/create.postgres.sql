CREATE TABLE {t} (id integer PRIMARY KEY, stamp timestamptz NOT NULL, moment timestamp, day date, v integer);

-- 2024-10-27: 00:30 UTC is 02:30 summer time, 01:30 UTC is 02:30 again
INSERT INTO {t} SELECT n, '2024-10-27 00:00:00+00'::timestamptz + n * interval '1 minute', '2024-03-31 01:30:00'::timestamp + n * interval '1 minute', '2024-10-27', n FROM {numbers 2000};

DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L', current_database(), 'Europe/Berlin'); END $$;
