# frank_replay: the store of deliveries (SQLite).
add_library(frank_replay STATIC ${CMAKE_CURRENT_LIST_DIR}/replay.c
  ${CMAKE_CURRENT_LIST_DIR}/replay_sqlite.c)
target_link_libraries(frank_replay PUBLIC frank_flags frank_mail PRIVATE frank_sqlite)
target_include_directories(frank_replay PUBLIC ${PROJECT_SOURCE_DIR}/host)
