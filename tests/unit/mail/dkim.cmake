frank_test(NAME dkim_answers_are_read_as_dns_has_them SOURCES test_dkim_answer.c LABEL unit
  LIBS frank_dkim_verify PkgConfig::CMOCKA)
