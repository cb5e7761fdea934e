# DKIM: what we say of signatures, beside what others say.
add_executable(print_dkim print_dkim.c)
set_target_properties(print_dkim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(print_dkim PRIVATE frank_flags frank_dkim_verify)
