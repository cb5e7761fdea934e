if(FRANK_MILTER)
  find_package(Threads REQUIRED)
  frank_test(NAME milter_shares_settings_and_counters LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_milter_shared.c
    LIBS frank_milter_shared PkgConfig::CMOCKA)
  frank_test(NAME milter_connections_share_settings LABEL unit
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_milter_snapshot.c
    LIBS frank_milter_shared PkgConfig::CMOCKA Threads::Threads)
endif()
