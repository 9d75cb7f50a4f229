ALTER TABLE {t} ALTER i TYPE bigint, ALTER iu TYPE bigint, ALTER si TYPE integer, ALTER bi TYPE numeric;
