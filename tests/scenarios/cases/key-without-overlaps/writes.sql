UPDATE {t} SET v = -{n} WHERE v = {own 1..1199};

UPDATE {t} SET during = daterange(lower(during) + 5000, upper(during) + 5000) WHERE v = {own 1..1199} AND upper(during) < '2029-01-01';

UPDATE {t} SET room = int4range(1000 + {n}, 1000 + {n}, '[]') WHERE v = {own 1..1199};

DELETE FROM {t} WHERE v = {own 1..1199};

INSERT INTO {t} VALUES ('empty', daterange(date '2040-01-01' + {n}, date '2040-01-01' + {n}, '[]'), 10000 + {n});
