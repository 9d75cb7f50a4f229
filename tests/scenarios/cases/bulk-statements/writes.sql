UPDATE {t} SET v = v + 1 WHERE id % {writers} = {w};

DELETE FROM {t} WHERE id BETWEEN {a:1..3000} AND {a} + 60 AND id % {writers} = {w};

INSERT INTO {t} SELECT -id - 10000 * (1 + {n}), v, 'copy' FROM {t} WHERE id BETWEEN {a:1..3000} AND {a} + 60 AND id % {writers} = {w};

DELETE FROM {t} WHERE id < 0 AND id % {writers} = -{w};

INSERT INTO {t} VALUES (1000000 + 5 * {n}, 1, 'a'), (1000001 + 5 * {n}, 2, 'b'), (1000002 + 5 * {n}, 3, 'c');
