ALTER TABLE {t} ALTER v TYPE positive USING nullif(abs(v), 0), ALTER i TYPE bigint[], ALTER p TYPE bigint, ADD COLUMN extra mood NOT NULL DEFAULT 'glad', ADD COLUMN w pair DEFAULT ROW(1, 'w');
