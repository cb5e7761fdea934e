# Run by CPack on what it has staged, before it packs: what Debian wants compressed is, and where
# SOURCE_DATE_EPOCH is set no file is of a later time, so that the same sources make the same package.
file(GLOB_RECURSE pages LIST_DIRECTORIES OFF ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/*
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog)
foreach(page ${pages})
  if(NOT page MATCHES "\\.gz$" AND NOT IS_SYMLINK ${page})
    execute_process(COMMAND gzip -9nf ${page} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND find ${CPACK_TEMPORARY_DIRECTORY} -newermt "@$ENV{SOURCE_DATE_EPOCH}"
    -exec touch -h -d "@$ENV{SOURCE_DATE_EPOCH}" {} + COMMAND_ERROR_IS_FATAL ANY)
endif()
