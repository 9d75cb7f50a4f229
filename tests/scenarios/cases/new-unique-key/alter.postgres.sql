ALTER TABLE {t} ADD CONSTRAINT uq_place UNIQUE (place), ALTER v TYPE varchar(30) USING v || '';
