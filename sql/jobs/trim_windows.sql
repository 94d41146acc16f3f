-- Drops what no window and no trend needs any more. Daily (specification 3.1: daily reset).
select capataz_ops._define_job('trim_windows', '12 3 * * *', 86400, 'Drops what no window and no trend needs any more.', 300);
