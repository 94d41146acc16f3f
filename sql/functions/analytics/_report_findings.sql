-- capataz_ops._report_findings(p_report) -> jsonb: array of objects (severity, code, subject, text), the worst first
--
-- What a reader of a report should know, in sentences; subject: the module, job or category it is about, or null.
-- Rules: a module UNHEALTHY at the end is CRITICAL, one that was for a while a WARNING; an error rate of 10 % and more, or
-- that doubled and is 2 % and more, of at least 20 executions; a robot that waited over an hour; minutes without samples;
-- jobs that failed; gaps in which jobs were not run; error categories that are new or growing; a limit, of all or of a
-- module, that is reached within half a year.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_findings(p_report jsonb)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with modules as (
      select
        m.module ->> 'module' as module_name,
        (m.module ->> 'completed')::bigint + (m.module ->> 'failed')::bigint as ended,
        (m.module ->> 'error_rate')::numeric as error_rate,
        (m.module ->> 'error_rate_before')::numeric as error_rate_before,
        (m.module ->> 'oldest_due_seconds')::bigint as oldest_due_seconds,
        (m.module ->> 'unhealthy_seconds')::bigint as unhealthy_seconds,
        m.module ->> 'health' as health,
        (m.module ->> 'is_active')::boolean as is_active
      from jsonb_array_elements(p_report -> 'modules') as m (module)
    ), gaps as (
      -- jobs that were run again within five minutes of each other missed the same gap
      select
        s.job_name, s.gap_from, s.gap_until,
        count(*) filter (where s.begins) over (order by s.gap_until, s.job_name) as gap
      from (
        select
          j.job_name, j.gap_from, j.gap_until,
          j.gap_until > lag(j.gap_until) over (order by j.gap_until, j.job_name) + interval '5 minutes' as begins
        from (
          select
            e.job ->> 'job' as job_name, (e.job ->> 'gap_from')::timestamp as gap_from,
            (e.job ->> 'gap_until')::timestamp as gap_until
          from jsonb_array_elements(p_report -> 'jobs') as e (job)
          where e.job ? 'gap_from'
        ) as j
      ) as s
    ), findings as (
      select
        1 as place, 'CRITICAL' as severity, 'MODULE_UNHEALTHY' as code, m.module_name as subject,
        format('%s was UNHEALTHY when the period ended, %s minutes of it.', m.module_name, m.unhealthy_seconds / 60) as text
      from modules as m
      where m.health = 'UNHEALTHY'
        and m.is_active
      union all
      select
        2, 'WARNING', 'MODULE_WAS_UNHEALTHY', m.module_name,
        format('%s was UNHEALTHY for %s minutes and works again.', m.module_name, m.unhealthy_seconds / 60)
      from modules as m
      where m.health <> 'UNHEALTHY'
        and m.unhealthy_seconds >= 60
      union all
      select
        3, case when m.error_rate >= 10 then 'CRITICAL' else 'WARNING' end, 'ERROR_RATE', m.module_name,
        format(
          '%s: %s %% of %s executions failed%s.', m.module_name, m.error_rate, to_char(m.ended, 'FM999,999,999,990'),
          case
            when m.error_rate_before is not null then format(' (in the period before: %s %%)', m.error_rate_before)
          end
        )
      from modules as m
      where m.ended >= 20
        and (m.error_rate >= 10 or m.error_rate >= 2 and m.error_rate >= 2 * m.error_rate_before)
      union all
      select
        4, 'WARNING', 'QUEUE_AGE', m.module_name,
        format('A robot of %s waited for %s hours.', m.module_name, round(m.oldest_due_seconds / 3600.0, 1))
      from modules as m
      where m.oldest_due_seconds >= 3600
      union all
      select
        5, 'WARNING', 'SAMPLES_MISSING', null,
        format(
          '%s of %s minutes have no samples: nobody ran the jobs.', to_char(s.expected - s.taken, 'FM999,999,990'),
          to_char(s.expected, 'FM999,999,990')
        )
      from (
        select
          (p_report #>> '{summary,sample_count}')::bigint as taken,
          (p_report #>> '{summary,samples_expected}')::bigint as expected
      ) as s
      where s.expected - s.taken > 5
      union all
      select
        6, 'WARNING', 'JOB', j.job ->> 'job',
        format('Job %s: its last run %s.', j.job ->> 'job', split_part(j.job ->> 'outcome', ':', 1))
      from jsonb_array_elements(p_report -> 'jobs') as j (job)
      where j.job ->> 'outcome' <> 'ok'
      union all
      select
        6, 'WARNING', 'JOB', (array_agg(g.job_name order by g.gap_from desc, g.job_name))[1],
        format(
          '%s%s did not run from %s to %s UTC.',
          case when count(*) > 1 then 'Jobs ' else 'Job ' end
          || (array_agg(g.job_name order by g.gap_from desc, g.job_name))[1],
          case when count(*) > 1 then format(' and %s more', count(*) - 1) end,
          to_char(max(g.gap_from), 'YYYY-MM-DD HH24:MI'), to_char(max(g.gap_until), 'YYYY-MM-DD HH24:MI')
        )
      from gaps as g
      group by g.gap
      union all
      select
        7, 'WARNING', 'ERROR_CATEGORY', c.category ->> 'category',
        format(
          'Failures of category %s are %s: %s, in the period before %s.', c.category ->> 'category', c.category ->> 'trend',
          to_char((c.category ->> 'failed')::bigint, 'FM999,999,999,990'),
          to_char((c.category ->> 'failed_before')::bigint, 'FM999,999,999,990')
        )
      from jsonb_array_elements(p_report #> '{errors,categories}') as c (category)
      where c.category ->> 'trend' in ('new', 'growing')
        and (c.category ->> 'failed')::bigint >= 10
      union all
      select
        8, 'WARNING', 'CAPACITY', null,
        format('At the present growth the limit of executions at once is reached on %s.', l.reached)
      from (select (p_report #>> '{capacity,in_flight,runs_out_on}')::date as reached) as l
      where l.reached < (p_report #>> '{period,to}')::timestamp + interval '6 months'
      union all
      select
        9, 'WARNING', 'CAPACITY', l.module_name,
        format(
          '%s: at the present growth its busiest hour takes all of the %s executions at once that it may have on %s.',
          l.module_name, l.capacity, l.reached
        )
      from (
        select
          c.plan ->> 'module_name' as module_name, c.plan ->> 'capacity' as capacity,
          (c.plan ->> 'runs_out_on')::date as reached
        from jsonb_array_elements(p_report #> '{capacity,modules}') as c (plan)
      ) as l
      where l.reached < (p_report #>> '{period,to}')::timestamp + interval '6 months'
    )
    select
      coalesce(
        jsonb_agg(
          jsonb_build_object('severity', f.severity, 'code', f.code, 'subject', f.subject, 'text', f.text)
          order by f.severity <> 'CRITICAL', f.place, f.subject
        ),
        '[]'::jsonb
      )
    from findings as f
  );
end
$$;

comment on function capataz_ops._report_findings(jsonb) is
  'What a reader of a report should know, in sentences.';
