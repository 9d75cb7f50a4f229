UPDATE {t} SET p = ST_SRID(POINT({-179..179}, {-89..89}), 4326), vec = STRING_TO_VECTOR('[{n}, 0.1, 2]') WHERE id = {own 1..1000};

UPDATE {t} SET g = ST_GeomFromText('POLYGON((0 0, 0 {1..9}, 1 1, 0 0))', 3857) WHERE id = {own 1..1000};

INSERT INTO {t} (id, p) VALUES (10000 + {n}, ST_SRID(POINT(1, 2), 4326));

DELETE FROM {t} WHERE id = {own 1..1000};
