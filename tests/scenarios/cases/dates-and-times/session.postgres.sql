SET TimeZone = 'America/St_Johns';

SET DateStyle = 'German';

SET IntervalStyle = 'sql_standard';
