ALTER TABLE {t} ALTER "KEY" TYPE bigint, ADD COLUMN "wh ere" integer DEFAULT 1;
