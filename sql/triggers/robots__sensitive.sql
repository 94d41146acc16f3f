-- robots: where sensitive data is (specification 5.1, ADR 0022), however the row changes. BEFORE row trigger: compliance_context
-- of the robot, from input_data, output_data and error_details: {"sensitive_data": [{where, path, kind}]}, never values.
-- Called only where something in the form of sensitive data is there, or where the robot has a context already: its module
-- declares paths (submit_robot gives it one then). The conditions are _sensitive_pattern, written out, and short: each
-- statement parses them anew, and no call is made for a row that has nothing. robots__executions hands the context on to the execution.
-- Raises: nothing.
create or replace function capataz_ops.tg_robots__sensitive()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_paths text[];
  v_found jsonb;
begin
  select s.sensitive_paths into v_paths
  from capataz_ops.module_settings as s
  where s.module_name = NEW.module_name;

  v_found := coalesce(
      case
        when tg_op = 'UPDATE' and NEW.input_data = OLD.input_data
          then jsonb_path_query_array(OLD.compliance_context, '$.sensitive_data[*] ? (@.where == "input_data")')
        else capataz_ops._find_sensitive(NEW.input_data, v_paths, 'input_data')
      end,
      '[]'
    )
    || coalesce(capataz_ops._find_sensitive(NEW.output_data, v_paths, 'output_data'), '[]')
    || coalesce(capataz_ops._find_sensitive(NEW.error_details, v_paths, 'error_details'), '[]');
  NEW.compliance_context := case
    when v_found <> '[]' or v_paths is not null then jsonb_build_object('sensitive_data', v_found)
  end;
  return NEW;
end
$$;

comment on function capataz_ops.tg_robots__sensitive() is 'Notes where sensitive data is in a robot.';

create or replace trigger _120_sensitive_insert
  before insert on capataz.robots
  for each row
  when (
    NEW.compliance_context is null
    and (
      concat(NEW.input_data)
        ~ '[@\uff20]|[0-9]{6}[0-9HMhm]|[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}-'
      or NEW.output_data is not null
      or NEW.error_details is not null
    )
  )
  execute function capataz_ops.tg_robots__sensitive();

create or replace trigger _120_sensitive_results
  before update of output_data, error_details on capataz.robots
  for each row
  when (
    NEW.compliance_context is not null
    or concat(NEW.output_data, NEW.error_details)
      ~ '[@\uff20]|[0-9]{6}[0-9HMhm]|[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}-'
  )
  execute function capataz_ops.tg_robots__sensitive();

create or replace trigger _120_sensitive_input
  before update of input_data on capataz.robots
  for each row
  execute function capataz_ops.tg_robots__sensitive();
