ALTER TABLE {t} ALTER doc TYPE jsonb, ALTER v TYPE bigint;
