-- Numbers, ids, quoted values, paths and addresses do not count; words do.
begin;
select plan(12);
create function pg_temp.alike(p_first text, p_second text) returns boolean language sql as $$
  select capataz_ops._fingerprint(p_first) = capataz_ops._fingerprint(p_second)
$$;
select ok(pg_temp.alike('page 1 of 20 is blank', 'page 17 of 3 is blank'), 'numbers');
select ok(pg_temp.alike('order A-1187-x failed', 'order B7 failed'), 'ids');
select ok(pg_temp.alike('no key "abc"', 'no key "some other"'), 'quoted values');
select ok(pg_temp.alike('no key ''abc''', 'no key ''d e f'''), 'in single quotes');
select ok(pg_temp.alike('can''t open ''a''', 'can''t open ''b c'''), 'an apostrophe is no quote');
select ok(pg_temp.alike('cannot read /data/in/a.pdf', 'cannot read /tmp/other'), 'paths');
select ok(pg_temp.alike('GET https://example.org/a timed out', 'GET http://localhost:80/ timed out'), 'addresses');
select ok(pg_temp.alike('at 0x7ffdeadbeef', 'at 0x12'), 'hexadecimal');
select ok(
  pg_temp.alike('row 8c0c4b5e-6a0e-4b0c-9b7e-0a5b5e6f7a8b is locked', 'row 01a22271-707d-756b-8e4f-ede48322a7d0 is locked'), 'UUIDs'
);
select ok(pg_temp.alike('Connection  refused', 'connection refused'), 'case and blanks');
select ok(not pg_temp.alike('connection refused', 'connection reset'), 'other words, another kind');
select matches(capataz_ops._fingerprint('Ana Perez is ill'), '^[0-9a-f]{12}$', 'a hash: nothing can be read from it');
select * from finish();
rollback;
