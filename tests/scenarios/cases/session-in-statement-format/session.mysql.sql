SET binlog_format = 'STATEMENT';
