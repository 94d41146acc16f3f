-- submit 1000 robots in one call; the array is built once per call from a stored text
select count(*) from capataz.submit_robots((select b.robots from bench.bulk as b));
