UPDATE {t} SET v = {n} WHERE id = md5({own 1..2500}::text)::uuid;

UPDATE {t} SET id = md5('moved{n}')::uuid WHERE no = {own 1..2500};

INSERT INTO {t} VALUES (md5('-{n}')::uuid, 0, 10000 + {n});

DELETE FROM {t} WHERE no = {own 1..2500};
