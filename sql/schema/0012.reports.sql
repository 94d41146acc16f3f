-- Reports and totals for metrics (specification 5.2; ADR 0027).
-- depends: 0011.analytics
set local role capataz_owner;

set local lock_timeout = '10s';

create table capataz_ops.reports (
  report_kind text not null,
  period_start date not null,
  period_end date not null,
  built_at timestamp not null default capataz.utc_now(),
  document jsonb not null,

  constraint reports_pkey primary key (report_kind, period_start),
  constraint reports_report_kind_check check (report_kind in ('daily', 'weekly', 'monthly')),
  constraint reports_period_end_check check (period_end > period_start),
  constraint reports_document_check check (jsonb_typeof(document) = 'object')
);

comment on table capataz_ops.reports is
  'Reports of periods that are over: written once, never changed (but for what a clock that was ahead stored), kept for ever.';
comment on column capataz_ops.reports.period_start is 'First day of the period, UTC.';
comment on column capataz_ops.reports.period_end is 'First day after the period, UTC.';
comment on column capataz_ops.reports.document is 'The figures, as docs/reports.md describes them.';

-- Totals that only grow, for counters of metrics: windows shrink and rows are purged, these are neither.
create table capataz_ops.module_totals (
  module_name varchar(100) not null,
  completed_count bigint not null default 0,
  completed_ms bigint not null default 0,
  failed_count bigint not null default 0,
  duration_counts bigint[] not null,
  counted_since timestamp not null default capataz.utc_now(),

  constraint module_totals_pkey primary key (module_name),
  constraint module_totals_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

comment on table capataz_ops.module_totals is
  'Executions ended per module since it was registered: they grow only, whatever is purged or leaves a window.';
comment on column capataz_ops.module_totals.duration_counts is
  'Executions COMPLETED by duration: up to the n-th limit of _duration_limits, the last: above all of them.';
comment on column capataz_ops.module_totals.counted_since is 'Since when they are counted, UTC.';

alter table capataz_ops.jobs
  add column last_success_at timestamp;

comment on column capataz_ops.jobs.last_success_at is 'End of the last run that went well, UTC; null = none so far.';

update capataz_ops.jobs as j
set last_success_at = j.last_end_at
where j.last_outcome = 'ok';
