ALTER TABLE {t} ALTER note TYPE varchar(10);
