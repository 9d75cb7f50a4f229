BEGIN;
SET timestamp = 1700000000 + {n} / 1000;
UPDATE {t} SET note = 'u{n}' WHERE id = {own 1..3000};
SET timestamp = DEFAULT;
COMMIT;

UPDATE {t} SET touched = touched, moment = '2024-02-29 12:00:00.{100000..999999}', span = '-{0..800}:00:00.5' WHERE id = {own 1..3000};

UPDATE {t} SET touched = touched, day = '0000-00-00', moment = '2024-00-00', stamp = '0000-00-00', y = 0 WHERE id = {own 1..3000};

UPDATE {t} SET touched = touched, stamp = FROM_UNIXTIME({1..2147483647}) WHERE id = {own 1..3000};

INSERT INTO {t} (id, day, stamp, touched, plain) VALUES (10000 + {n}, '2024-12-31', '2001-01-01 00:00:00.000001', '2001-01-01', '2024-12-31 23:59:59');

DELETE FROM {t} WHERE id = {own 1..3000};
