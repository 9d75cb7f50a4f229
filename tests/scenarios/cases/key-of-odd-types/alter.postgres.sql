ALTER TABLE {t} ALTER v TYPE bigint, ALTER s TYPE bigint;
