ALTER TABLE {t} ALTER v TYPE bigint, ALTER moment TYPE timestamptz;
