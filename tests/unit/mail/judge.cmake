# address, authres, judge, replay
frank_test(NAME addresses_are_read_as_people_write_them SOURCES test_address.c LABEL unit
  LIBS frank_mail frank_base PkgConfig::CMOCKA)
frank_test(NAME authentication_results_are_read_and_forged_ones_found SOURCES test_authres.c LABEL unit
  LIBS frank_mail PkgConfig::CMOCKA)
