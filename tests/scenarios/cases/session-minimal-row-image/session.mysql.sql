SET binlog_row_image = 'MINIMAL';
