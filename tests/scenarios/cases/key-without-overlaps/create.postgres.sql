CREATE TABLE {t} (room int4range NOT NULL, during daterange NOT NULL, v integer, PRIMARY KEY (room, during WITHOUT OVERLAPS));

INSERT INTO {t} SELECT int4range(n % 40, n % 40, '[]'), daterange(date '2020-01-01' + n, date '2020-01-01' + n, '[]'), n FROM {numbers 1200};

CREATE TABLE stay (room int4range, during daterange, FOREIGN KEY (room, PERIOD during) REFERENCES {t} (room, PERIOD during));

INSERT INTO stay SELECT room, during FROM {t} WHERE v = 1200;
