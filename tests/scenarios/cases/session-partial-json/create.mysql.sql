CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v INT, doc JSON, other JSON);

INSERT INTO {t} SELECT n, n, JSON_OBJECT('name', REPEAT('long ', 20), 'count', 1, 'list', JSON_ARRAY(1, 2, 3)), '{}' FROM {numbers 2000};
