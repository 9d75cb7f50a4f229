ALTER TABLE {t} ALTER place TYPE bigint;
