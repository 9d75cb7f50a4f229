SET sql_mode = '';
