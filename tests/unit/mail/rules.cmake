frank_test(NAME rules_say_which_mail_gets_a_stamp SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_rules.c
  LABEL unit LIBS frank_mail frank_base frank PkgConfig::CMOCKA)
