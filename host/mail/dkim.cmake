# frank_dkim_verify: DKIM by libopendkim.
pkg_check_modules(OPENDKIM REQUIRED IMPORTED_TARGET opendkim>=2.11)
add_library(frank_dkim_verify STATIC dkim_answer.c dkim_dns.c dkim_header.c dkim_keys.c
  dkim_lookup.c dkim_verify.c)
target_link_libraries(frank_dkim_verify PUBLIC frank_flags frank_mail frank frank_base
  PRIVATE PkgConfig::OPENDKIM resolv)
target_include_directories(frank_dkim_verify PUBLIC ${PROJECT_SOURCE_DIR}/host)
