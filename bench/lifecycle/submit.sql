-- submit one robot, routed
select robot_id from capataz.submit_robot('BENCH', '{"document": 17, "pages": 3}');
