UPDATE {t} SET stamp = now(), moment = localtimestamp, day = current_date WHERE id = {own 1..3000};

UPDATE {t} SET stamp = '2024-10-27 02:30:00.{100000..999999} Europe/Berlin', span = '{-100..100} months {-100..100} days' WHERE id = {own 1..3000};

UPDATE {t} SET stamp = 'infinity', moment = '-infinity', day = 'epoch' WHERE id = {own 1..3000};

UPDATE {t} SET zoned = '00:00:00+15:59', hour = '00:00:00.{100000..999999}' WHERE id = {own 1..3000};

INSERT INTO {t} (id, day, stamp) VALUES (10000 + {n}, '31.12.2024', '2001-01-01 00:00:00.000001');

DELETE FROM {t} WHERE id = {own 1..3000};
