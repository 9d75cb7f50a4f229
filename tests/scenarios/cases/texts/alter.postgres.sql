ALTER TABLE {t} ALTER n TYPE bigint, ALTER v TYPE text, ADD COLUMN note text;
