ALTER TABLE {t} ALTER amount TYPE numeric(20,4), ALTER f TYPE double precision, ADD COLUMN tax numeric(6,3) NOT NULL DEFAULT 19.625;
