INSERT IGNORE INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (4711, 'N');

INSERT IGNORE INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Test/Berlin', 4711);

INSERT IGNORE INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation) VALUES (4711, 0, 3600, 0, 'CET'), (4711, 1, 7200, 1, 'CEST');

INSERT IGNORE INTO mysql.time_zone_transition (Time_zone_id, Transition_time, Transition_type_id) VALUES (4711, -2147483648, 0), (4711, 1679792400, 1), (4711, 1698541200, 0), (4711, 1711846800, 1), (4711, 1729990800, 0);
