-- The live catalog against the specification's own DDL (tests/spec/specification.sql), created in a scratch schema.
-- Nothing of it may be missing, renamed or retyped; what Capataz adds is listed here. Its defaults now() must be utc_now() (UTC ADR).
begin;
select plan(14);

create schema specification;
set local search_path = specification, public;
\ir ../../spec/specification.sql
\ir ../../spec/dictionaries.sql
set local search_path = public;

-- A definition without the names of the two schemas.
create function pg_temp.bare(p_text text)
  returns text
  language sql
  immutable
as $$
  select regexp_replace(p_text, '\m(capataz|specification)\.', '', 'g')
$$;

create temporary view columns as
select
  c.relnamespace::regnamespace::text as schema_name,
  c.relname::text as table_name,
  a.attname::text as column_name,
  pg_temp.bare(format_type(a.atttypid, a.atttypmod)) as type,
  a.attnotnull as is_required,
  case
    when c.relnamespace = 'capataz'::regnamespace then pg_temp.bare(pg_get_expr(d.adbin, d.adrelid))
    else replace(pg_temp.bare(pg_get_expr(d.adbin, d.adrelid)), 'now()', 'utc_now()')
  end as default_value
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace in ('capataz'::regnamespace, 'specification'::regnamespace)
  and c.relkind = 'r'
  and c.relname in ('module_registry', 'robots', 'robot_execute');

create temporary view enums as
select t.typnamespace::regnamespace::text as schema_name, t.typname::text as type_name,
  array_agg(e.enumlabel::text order by e.enumsortorder) as labels
from pg_type as t
join pg_enum as e on e.enumtypid = t.oid
where t.typnamespace in ('capataz'::regnamespace, 'specification'::regnamespace)
group by t.typnamespace, t.typname;

create temporary view keys as
select c.connamespace::regnamespace::text as schema_name, r.relname::text as table_name, c.contype::text as kind,
  pg_temp.bare(pg_get_constraintdef(c.oid)) as definition
from pg_constraint as c
join pg_class as r on r.oid = c.conrelid
where c.connamespace in ('capataz'::regnamespace, 'specification'::regnamespace)
  and c.contype in ('p', 'u', 'f');

create temporary view indexes as
select c.relnamespace::regnamespace::text as schema_name, c.relname::text as index_name,
  pg_temp.bare(pg_get_indexdef(c.oid)) as definition, i.indisvalid and i.indisready as is_usable
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
where c.relnamespace in ('capataz'::regnamespace, 'specification'::regnamespace)
  and c.relname like 'idx\_%';

-- the data itself
select set_eq(
  $$select table_name, count(*)::integer from columns where schema_name = 'specification' group by table_name$$,
  $$values ('module_registry', 26), ('robots', 32), ('robot_execute', 36)$$,
  'the specification has 26, 32 and 36 columns'
);
select is(
  (select count(*)::integer from indexes where schema_name = 'specification'), 16, 'the specification has 16 indexes'
);
select is(
  (select count(*)::integer from enums where schema_name = 'specification'), 7, 'the specification has 7 enums'
);

-- the catalog
select is_empty(
  $$select type_name, labels from enums where schema_name = 'specification'
    except select type_name, labels from enums where schema_name = 'capataz'$$,
  'every enum is there with its labels in their order'
);
select is_empty(
  $$select table_name, column_name from columns where schema_name = 'specification'
    except select table_name, column_name from columns where schema_name = 'capataz'$$,
  'every column is there under its name'
);
select is_empty(
  $$select table_name, column_name, type from columns where schema_name = 'specification'
    except select table_name, column_name, type from columns where schema_name = 'capataz'$$,
  'every column has its type'
);
select is_empty(
  $$select table_name, column_name, is_required from columns where schema_name = 'specification'
    except select table_name, column_name, is_required from columns where schema_name = 'capataz'$$,
  'every column is required or optional as specified'
);
select is_empty(
  $$select table_name, column_name, default_value from columns where schema_name = 'specification'
    except select table_name, column_name, default_value from columns where schema_name = 'capataz'$$,
  'every column has its default, the clock being utc_now()'
);
select is_empty(
  $$select table_name, kind, definition from keys where schema_name = 'specification'
    except select table_name, kind, definition from keys where schema_name = 'capataz'$$,
  'every primary key, unique key and foreign key is there with its actions'
);
select is_empty(
  $$select index_name, definition from indexes where schema_name = 'specification'
    except select index_name, definition from indexes where schema_name = 'capataz' and is_usable$$,
  'every index is there with its columns and its predicate'
);
select set_eq(
  $$select table_name, column_name from columns where schema_name = 'capataz'
    except select table_name, column_name from columns where schema_name = 'specification'$$,
  $$values
    ('robots', 'available_at'), ('robots', 'arrival'), ('robots', 'is_routed'), ('robots', 'compliance_context'),
    ('module_registry', 'max_concurrency'),
    ('robot_execute', 'worker_id'), ('robot_execute', 'error_category'), ('robot_execute', 'items_processed'),
    ('robot_execute', 'answered_status'), ('robot_execute', 'has_permit'), ('robot_execute', 'robot_type')$$,
  'Capataz adds these columns and no others'
);

-- the dictionaries
select is((select count(*)::integer from dictionary), 33, 'the dictionaries have 33 fields');
select is_empty(
  $$select d.table_name, d.field
    from dictionary as d
    left join columns as c
      on c.schema_name = 'capataz' and c.table_name = d.table_name and c.column_name = d.field
      and case d.type
        when 'ENUM' then c.type ~ '_enum$'
        else c.type = format_type(
          regexp_replace(replace(lower(d.type), 'decimal', 'numeric'), '\(.*\)', '')::regtype, null
        ) || coalesce(substring(d.type from '\(.*\)'), '')
      end
    where c.column_name is null$$,
  'every field of a dictionary is a column of that type'
);
select is_empty(
  $$select d.table_name, d.field, k.keeper
    from dictionary as d
    cross join lateral regexp_split_to_table(d.kept_by, ', *') as k (keeper)
    where not exists (
        select from pg_constraint as c
        where c.conname = k.keeper and c.conrelid = ('capataz.' || d.table_name)::regclass
      )
      and not exists (
        select from pg_class as c where c.relname = k.keeper and c.relnamespace = 'capataz'::regnamespace
      )
      and not exists (
        select from pg_type as t where t.typname = k.keeper and t.typnamespace = 'capataz'::regnamespace
      )
      and not exists (
        select from pg_proc as p
        where p.proname = k.keeper
          and p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
          and (p.prorettype <> 'trigger'::regtype or exists (select from pg_trigger as t where t.tgfoid = p.oid))
      )$$,
  'what keeps each rule of the dictionaries exists'
);

select * from finish();
rollback;
