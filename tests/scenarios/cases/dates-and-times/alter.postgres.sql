ALTER TABLE {t} ALTER plain TYPE timestamp(3), ALTER note TYPE varchar(300) USING note || '', ADD COLUMN since date NOT NULL DEFAULT '2020-02-02';
