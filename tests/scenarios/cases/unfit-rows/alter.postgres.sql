ALTER TABLE {t} ALTER v TYPE smallint;
