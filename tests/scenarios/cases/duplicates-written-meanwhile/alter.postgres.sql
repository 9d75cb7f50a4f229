ALTER TABLE {t} ADD CONSTRAINT by_place UNIQUE (place), ALTER v TYPE bigint;
