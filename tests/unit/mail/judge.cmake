# address, authres, judge, replay
frank_test(NAME addresses_are_read_as_people_write_them SOURCES test_address.c LABEL unit
  LIBS frank_mail frank_base PkgConfig::CMOCKA)
frank_test(NAME authentication_results_are_read_and_forged_ones_found SOURCES test_authres.c LABEL unit
  LIBS frank_mail PkgConfig::CMOCKA)
frank_test(NAME stamps_are_judged_by_hash_factor_and_mail_rules SOURCES test_judge.c judge_scene.c LABEL unit
  LIBS frank_mail frank PkgConfig::CMOCKA)
frank_test(NAME the_best_stamp_and_its_replays_are_told SOURCES test_judge_results.c judge_scene.c LABEL unit
  LIBS frank_mail frank PkgConfig::CMOCKA)
if(FRANK_MILTER)
  frank_test(NAME deliveries_are_counted_and_forgotten SOURCES test_replay.c replay_scene.c LABEL unit
    LIBS frank_replay PkgConfig::SQLITE PkgConfig::CMOCKA)
  frank_test(NAME deliveries_survive_faults SOURCES test_replay_faults.c replay_scene.c LABEL unit
    TIMEOUT 120 LIBS frank_replay PkgConfig::SQLITE PkgConfig::CMOCKA)
endif()
