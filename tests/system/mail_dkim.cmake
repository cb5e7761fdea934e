# DKIM: what we say of signatures, beside what others say.
add_executable(print_dkim print_dkim.c)
set_target_properties(print_dkim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
find_package(Threads REQUIRED)
target_link_libraries(print_dkim PRIVATE frank_flags frank_dkim_verify Threads::Threads)
frank_script_test(NAME dkim_agrees_with_dkimpy_and_opendkim SCRIPT mail_dkim.py LABEL system TIMEOUT 240)
frank_script_test(NAME dkim_bears_messages_that_deceive SCRIPT mail_dkim_hostile.py LABEL system
  TIMEOUT 240)
frank_script_test(NAME dkim_asks_dns_within_a_limit SCRIPT mail_dkim_dns.py LABEL system TIMEOUT 300)
frank_script_test(NAME frank_verifies_dkim_and_mail_rules SCRIPT cli_dkim.py LABEL system TIMEOUT 400)
frank_script_test(NAME dkim_writes_nothing_past_the_end SCRIPT mail_dkim_overrun.py
  LABEL system no_sanitizers)
