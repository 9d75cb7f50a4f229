UPDATE {s}.seen SET u = {n} WHERE id = {own 10..900};

INSERT INTO {s}.guarded VALUES (100000 + {n}, {n});

DELETE FROM {s}.grouped WHERE id = {own 1001..1500};

INSERT INTO {s}.log VALUES ({a:own 901..1000}, 'logged {n}');

SELECT count(*), {s}.below(100) FROM {s}.upon;

SELECT count(*) FROM {s}.secret AS s, {s}.whole WHERE s.id < 0;
