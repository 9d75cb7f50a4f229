ALTER TABLE {t} ALTER v TYPE bigint, ALTER no TYPE bigint;
