UPDATE {t} SET note = 'u{n}' WHERE id = {own 101..2000};

-- once the copy has begun
UPDATE {t} SET note = CASE {copying} WHEN 1 THEN 'longer than ten' ELSE 'short' END WHERE id = {own 1..100};
