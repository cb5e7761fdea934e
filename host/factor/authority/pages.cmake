# The website: pure text, so that tests can have it without the service's libraries.
add_custom_command(OUTPUT page_styles.c
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=page_styles.c -DPAGE=${CMAKE_CURRENT_SOURCE_DIR}/page.css
    -DPLOT=${CMAKE_CURRENT_SOURCE_DIR}/plot.css -P ${CMAKE_CURRENT_SOURCE_DIR}/embed.cmake
  DEPENDS page.css plot.css embed.cmake VERBATIM)
add_library(frank_authority_pages STATIC page_cost.c page_guide.c page_history.c page_index.c
  page_numbers.c page_plot.c page_tables.c page_text.c pages.c
  ${CMAKE_CURRENT_BINARY_DIR}/page_styles.c)
target_link_libraries(frank_authority_pages PUBLIC frank_flags frank_base frank frank_factor)
target_include_directories(frank_authority_pages PUBLIC ${PROJECT_SOURCE_DIR}/host)
