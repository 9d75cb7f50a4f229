ALTER TABLE {t} ADD UNIQUE KEY uq_place (place), ADD KEY by_v (v);
