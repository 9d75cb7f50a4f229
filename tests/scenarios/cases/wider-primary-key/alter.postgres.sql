ALTER TABLE {t} ALTER id TYPE bigint, ALTER shop TYPE integer;
