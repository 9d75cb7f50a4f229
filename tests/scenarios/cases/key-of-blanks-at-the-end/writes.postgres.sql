UPDATE {t} SET padded = padded || ' ' WHERE v = {own 1..2000};

UPDATE {t} SET raw = raw || '  ' WHERE v = {own 1..2000} AND length(raw) < 15;

INSERT INTO {t} VALUES ('new', {n} || '  ', -1);

DELETE FROM {t} WHERE v = {own 1..2000};
