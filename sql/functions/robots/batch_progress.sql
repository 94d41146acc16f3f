-- capataz.batch_progress(p_correlation_id) -> one row (correlation_id, total, pending, processing, ..., percent, eta)
--
-- Progress of the robots that share a correlation id (specification 3.2: batch processing tracking). percent: ended of
-- total, 0.00 to 100.00. Robots of modules that are not the caller's are not counted. eta: UTC, from the rate of ended robots since the first one began; null where there is none yet.
-- Locks: none. Writes: nothing. Raises: RB400 no id, RB404 no robot has it.
create or replace function capataz.batch_progress(p_correlation_id text)
  returns table (
    correlation_id varchar(100),
    total bigint,
    pending bigint,
    processing bigint,
    retrying bigint,
    completed bigint,
    failed bigint,
    percent numeric,
    eta timestamp
  )
  language plpgsql
  stable
  security definer
  rows 1
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('correlation_id', p_correlation_id, 100, true);
  return query
  select
    p_correlation_id::varchar(100), b.total, b.pending, b.processing, b.retrying, b.completed, b.failed,
    round(100.0 * (b.completed + b.failed) / b.total, 2),
    case
      when b.completed + b.failed = b.total then b.last_end
      when b.timed > 0 and b.first_start < b.now
        then b.now + (b.now - b.first_start) * ((b.total - b.completed - b.failed)::double precision / b.timed)
    end
  from (
    select
      count(*) as total,
      count(*) filter (where r.status = 'PENDING') as pending,
      count(*) filter (where r.status = 'PROCESSING') as processing,
      count(*) filter (where r.status = 'RETRYING') as retrying,
      count(*) filter (where r.status = 'COMPLETED') as completed,
      count(*) filter (where r.status = 'FAILED') as failed,
      count(*) filter (where r.completed_at is not null and r.started_at is not null and not r.cache_hit) as timed,
      min(r.started_at) filter (where not r.cache_hit) as first_start,
      max(r.completed_at) as last_end,
      capataz.utc_now() as now
    from capataz.robots as r
    where r.correlation_id = p_correlation_id
      and (v_modules is null or r.module_name = any (v_modules))
  ) as b
  where b.total > 0;
  if not found
     and exists (
       select
       from capataz.robots as r
       where r.correlation_id = p_correlation_id
     )
  then
    raise exception using
      errcode = 'RB403',
      message = format('the robots of correlation_id "%s" are not yours', p_correlation_id),
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(v_modules)),
      hint = 'They belong to modules that were not granted to you.';
  elsif not found then
    raise exception using
      errcode = 'RB404',
      message = format('no robot has correlation_id "%s"', p_correlation_id),
      detail = format('correlation_id is "%s".', p_correlation_id),
      hint = 'Use the correlation_id the robots were submitted with.';
  end if;
end
$$;

comment on function capataz.batch_progress(text) is
  'Progress of the robots that share a correlation id, with the expected end. RB400, RB401, RB403, RB404.';
