UPDATE {t} SET addr4 = '255.255.255.{0..255}', c = REPEAT('y', {n}) WHERE id = {own 1..1500};

UPDATE {t} SET addr = '::1', u = '00000000-0000-0000-0000-000000000000' WHERE id = {own 1..1500};

INSERT INTO {t} (id, addr) VALUES (10000 + {n}, '::');

DELETE FROM {t} WHERE id = {own 1..1500};
