UPDATE {t} SET stamp = '2024-01-01 00:00:00.994', moment = '2024-12-31 23:59:59.501' WHERE v = {own 1..1000};

UPDATE {t} SET at = at + INTERVAL 1 YEAR WHERE v = {own 1..1000} AND at < '2025-01-01';

INSERT INTO {t} (at, moment) VALUES ('2001-01-01' + INTERVAL {n} SECOND, '2000-01-01');

DELETE FROM {t} WHERE v = {own 1..1000};
