if(FRANK_MILTER)
  frank_test(NAME milter_shares_settings_and_counters LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_milter_shared.c
    LIBS frank_milter_shared PkgConfig::CMOCKA)
endif()
