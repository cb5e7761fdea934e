# Manual pages: scdoc sources beside the programs, compiled by scdoc.
#
#     frank_manual(SOURCE COMPONENT [KEYS PROGRAM] [LINKS NAME...])
#
# SOURCE is NAME.SECTION.scd. KEYS: a program that writes the keys of its configuration
# (PROGRAM --manual), which come in the place of a line @KEYS@. LINKS: further names of the page.
option(FRANK_MANUAL "Build the manual pages (scdoc)" ON)
if(FRANK_MANUAL)
  find_program(SCDOC scdoc)
  if(NOT SCDOC)
    message(FATAL_ERROR "scdoc is not to be found (Debian: scdoc); -DFRANK_MANUAL=OFF builds without manual pages")
  endif()
endif()
function(frank_manual source component)
  if(NOT FRANK_MANUAL)
    return()
  endif()
  cmake_parse_arguments(M "" "KEYS" "LINKS" ${ARGN})
  get_filename_component(file ${source} NAME)
  string(REGEX REPLACE "\\.scd$" "" page ${file})
  string(REGEX REPLACE ".*\\.([1-8])$" "\\1" section ${page})
  set(folder ${CMAKE_BINARY_DIR}/man/man${section})
  set(output ${folder}/${page})
  file(MAKE_DIRECTORY ${folder})
  set(keys "")
  if(M_KEYS)
    set(keys $<TARGET_FILE:${M_KEYS}>)
  endif()
  add_custom_command(OUTPUT ${output}
    COMMAND ${PROJECT_SOURCE_DIR}/host/package/manual ${SCDOC} ${CMAKE_CURRENT_SOURCE_DIR}/${source} ${output} ${keys}
    DEPENDS ${source} ${PROJECT_SOURCE_DIR}/host/package/manual ${M_KEYS} VERBATIM)
  string(REGEX REPLACE "[^a-z0-9]" "_" target "man_${page}")
  add_custom_target(${target} ALL DEPENDS ${output})
  set(pages ${output})
  foreach(link ${M_LINKS})
    file(WRITE ${folder}/${link}.${section} ".so man${section}/${page}\n")
    list(APPEND pages ${folder}/${link}.${section})
  endforeach()
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
endfunction()

# Completion for bash, zsh and fish: what the program says of its own table of options.
#
#     frank_completion(TARGET NAME COMPONENT)
function(frank_completion target name component)
  set(bash ${CMAKE_BINARY_DIR}/completion/bash/${name})
  set(zsh ${CMAKE_BINARY_DIR}/completion/zsh/_${name})
  set(fish ${CMAKE_BINARY_DIR}/completion/fish/${name}.fish)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completion/bash ${CMAKE_BINARY_DIR}/completion/zsh
    ${CMAKE_BINARY_DIR}/completion/fish)
  foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${${shell}} COMMAND ${target} --completion ${shell} > ${${shell}}
      DEPENDS ${target} VERBATIM)
  endforeach()
  add_custom_target(completion_${name} ALL DEPENDS ${bash} ${zsh} ${fish})
  install(FILES ${bash} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    COMPONENT ${component})
  install(FILES ${zsh} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
    COMPONENT ${component})
  install(FILES ${fish} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
    COMPONENT ${component})
endfunction()
