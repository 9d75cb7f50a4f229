UPDATE {t} SET price = {n} WHERE id = {own 1..1000};

INSERT INTO {t} (id, price) VALUES (10000 + {n}, 1);

SELECT twice_of(1), count(*) FROM dear;
