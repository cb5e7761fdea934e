# The authority's website: views to make it of, and a program that prints a page of one.
add_library(frank_sample_view STATIC sample_view.c)
target_link_libraries(frank_sample_view PUBLIC frank_authority_pages)
target_include_directories(frank_sample_view PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
add_executable(print_page print_page.c)
set_target_properties(print_page PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(print_page PRIVATE frank_sample_view)
