SET binlog_row_image = 'NOBLOB';
