-- capataz_ops._submit_keyed(p_request, p_module_name, p_is_routed) -> robots row, deduplicated
--
-- Submits one checked request that has a cache key (specification 3.2: cache_key, cache_hit).
-- The robot that holds the key answers where it has the same robot type and, where the request names a module, is in that one.
-- In progress: it is returned. COMPLETED within the TTL of its module: a robot is born COMPLETED with the same output, in the
-- module of the first one and no less classified: who may see the output stays the same (ADR 0022). FAILED, past the TTL, or
-- COMPLETED and of another type or module: the key moves to a new robot. Two concurrent submits of one key make one robot:
-- the unique index decides, the loser looks again.
-- Locks:  the robots row that holds the key, where the key moves. Writes: robots.
-- Raises: RB403 the key is held by a robot of a module that the caller may not reach, RB409 it is held by a robot in progress of
--         another type or module, or robot_id taken.
create or replace function capataz_ops._submit_keyed(
  p_request capataz_ops.robot_request,
  p_module_name text,
  p_is_routed boolean,
  out robot_id varchar(50),
  out module_name varchar(100),
  out status capataz.robot_status_enum,
  out cache_hit boolean,
  out deduplicated boolean
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_modules constant text[] := capataz_ops._scope('submit');
  v_holder record;
begin
  loop
    select
      r.robot_id, r.robot_type, r.module_name, r.status, r.completed_at, s.cache_ttl_seconds,
      r.robot_type = p_request.robot_type and r.module_name = coalesce(p_request.module_name, r.module_name) as is_same_work
    into v_holder
    from capataz.robots as r
    join capataz_ops.module_settings as s on s.module_name = r.module_name
    where r.cache_key = p_request.cache_key;

    if found and v_holder.module_name <> all (v_modules) then
      raise exception using
        errcode = 'RB403',
        message = 'the cache_key belongs to a module that is not yours',
        detail = format('cache_key is "%s".', left(p_request.cache_key, 60)),
        hint = 'Begin your cache keys with the name of your module.';
    elsif found and v_holder.status in ('PENDING', 'PROCESSING', 'RETRYING') and not v_holder.is_same_work then
      raise exception using
        errcode = 'RB409',
        message = 'the cache_key is held by a robot of another type or module',
        detail = format(
          'Robot "%s" of type "%s" in module "%s" is %s.',
          v_holder.robot_id, v_holder.robot_type, v_holder.module_name, v_holder.status
        ),
        hint = 'Begin your cache keys with the names of module and robot type.';
    elsif found and v_holder.status in ('PENDING', 'PROCESSING', 'RETRYING') then
      robot_id := v_holder.robot_id;
      module_name := v_holder.module_name;
      status := v_holder.status;
      cache_hit := false;
      deduplicated := true;
      return;

    elsif found
          and v_holder.status = 'COMPLETED'
          and v_holder.is_same_work
          and (
            v_holder.cache_ttl_seconds is null
            or v_holder.completed_at + make_interval(secs => v_holder.cache_ttl_seconds) >= v_now
          )
    then
      insert into capataz.robots as r (
        robot_id, robot_type, status, module_name, input_data, output_data, priority, performance_metrics,
        processing_tier, cache_hit, resource_usage_mb, retry_limit, completeness_score, confidence_score,
        source_reference, correlation_id, estimated_duration_minutes, complexity_score, security_classification,
        compliance_tags, enterprise_metadata, created_at, started_at, completed_at, available_at, is_routed
      )
      select
        coalesce(
          p_request.robot_id,
          capataz_ops._robot_id_prefix(p_request.robot_type, v_now) || nextval('capataz.robots_seq'::regclass)
        ),
        p_request.robot_type, 'COMPLETED', h.module_name, p_request.input_data, h.output_data,
        p_request.priority::capataz.priority_enum, h.performance_metrics,
        p_request.processing_tier::capataz.processing_tier_enum, true, h.resource_usage_mb, p_request.retry_limit,
        h.completeness_score, h.confidence_score, p_request.source_reference, p_request.correlation_id,
        p_request.estimated_duration_minutes, round(coalesce(p_request.complexity_score, 1.0)::numeric, 1),
        case
          when h.security_classification in ('STANDARD', 'PUBLIC', 'INTERNAL')
            then coalesce(p_request.security_classification, 'STANDARD')
          else h.security_classification
        end,
        p_request.compliance_tags,
        coalesce(p_request.metadata, '{}') || jsonb_build_object('cache_source', h.robot_id),
        v_now, v_now, v_now, v_now, p_is_routed
      from capataz.robots as h
      where h.robot_id = v_holder.robot_id
      on conflict do nothing
      returning r.robot_id, r.module_name, r.status, r.cache_hit, false
      into robot_id, module_name, status, cache_hit, deduplicated;
      if robot_id is not null then
        return;
      end if;

    else
      if found then
        -- whoever is second waits here, finds the key gone and looks again
        update capataz.robots as r
        set cache_key = null
        where r.robot_id = v_holder.robot_id
          and r.cache_key = p_request.cache_key
          and r.status = v_holder.status;
      end if;
      robot_id := capataz_ops._insert_robot(p_request, p_module_name, p_is_routed);
      if robot_id is not null then
        module_name := p_module_name;
        status := 'PENDING';
        cache_hit := false;
        deduplicated := false;
        return;
      end if;
    end if;

    if p_request.robot_id is not null
       and exists (select from capataz.robots as r where r.robot_id = p_request.robot_id)
    then
      perform capataz_ops._raise_robot_id_taken(p_request.robot_id);
    end if;
  end loop;
end
$$;

comment on function capataz_ops._submit_keyed(capataz_ops.robot_request, text, boolean) is
  'Submits one robot with a cache key: deduplicates, answers from the cache, or takes the key over.';
