-- Stores when backlogs will be empty, and compares what was forecast before. Every 5 minutes.
select capataz_ops._define_job(
  'store_forecasts', '*/5 * * * *', 300, 'Stores when backlogs will be empty, and compares what was forecast before.'
);
