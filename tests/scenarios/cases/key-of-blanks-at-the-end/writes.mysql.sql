UPDATE {t} SET padded = CONCAT(padded, ' ') WHERE v = {own 1..2000} AND LENGTH(padded) < 15;

UPDATE {t} SET raw = CONCAT(raw, x'0020') WHERE v = {own 1..2000} AND LENGTH(raw) < 15;

INSERT INTO {t} VALUES ('new', CONCAT({n}, '  '), -1);

DELETE FROM {t} WHERE v = {own 1..2000};
