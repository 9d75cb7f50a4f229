ALTER TABLE {t} ALTER v TYPE bigint, ADD COLUMN note text DEFAULT 'n';
