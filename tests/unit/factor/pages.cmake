# The authority's website: views to make it of, and a program that prints a page of one.
add_library(frank_sample_view STATIC sample_view.c)
target_link_libraries(frank_sample_view PUBLIC frank_authority_pages)
target_include_directories(frank_sample_view PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
add_executable(print_page print_page.c)
set_target_properties(print_page PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(print_page PRIVATE frank_sample_view)

frank_test(NAME pages_say_what_the_view_says SOURCES test_pages.c LABEL unit
  LIBS frank_sample_view PkgConfig::CMOCKA m)
frank_test(NAME pages_survive_failing_allocations SOURCES test_pages_allocation.c LABEL unit
  LIBS frank_sample_view)
target_link_options(test_pages_survive_failing_allocations PRIVATE -Wl,--wrap=malloc
  -Wl,--wrap=realloc -Wl,--wrap=free)
