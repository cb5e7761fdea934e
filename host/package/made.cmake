# What is made of the programs for those who install them: manual pages, completion, configurations.

# Manual pages: scdoc sources beside the programs, compiled by scdoc.
#
#     frank_manual(SOURCE [KEYS PROGRAM] [LINKS NAME...])
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
function(frank_manual source)
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
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT frank)
endfunction()

# Completion for bash, zsh and fish: what the program says of its own table of options.
#
#     frank_completion(TARGET NAME)
function(frank_completion target name)
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
    COMPONENT frank)
  install(FILES ${zsh} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
    COMPONENT frank)
  install(FILES ${fish} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
    COMPONENT frank)
endfunction()

# A configuration with every key at its default and explained: what the program itself says. As an
# example, and for packages in /etc/frank with the keys commented out, so that a changed default
# comes with an upgrade, and a line at the end of the file counts.
#
#     frank_configuration(NAME TARGET ARGUMENT...)
function(frank_configuration name target)
  set(example ${CMAKE_BINARY_DIR}/${name})
  set(commented ${CMAKE_BINARY_DIR}/etc/${name})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/etc)
  add_custom_command(OUTPUT ${example} COMMAND ${target} ${ARGN} > ${example}
    DEPENDS ${target} VERBATIM)
  add_custom_command(OUTPUT ${commented} COMMAND sed "s/^[a-z]/#&/" ${example} > ${commented}
    DEPENDS ${example} VERBATIM)
  add_custom_target(configuration_${name} ALL DEPENDS ${commented})
  install(FILES ${example} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT frank)
  set_property(GLOBAL APPEND PROPERTY FRANK_CONFIGURATIONS /etc/frank/${name})
  install(FILES ${commented} DESTINATION /etc/frank COMPONENT etc EXCLUDE_FROM_ALL)
endfunction()
