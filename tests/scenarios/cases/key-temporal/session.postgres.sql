SET TimeZone = 'Australia/Lord_Howe';

SET DateStyle = 'SQL, DMY';
