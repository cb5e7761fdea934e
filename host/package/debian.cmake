# Debian packages: `cpack -G DEB` in a build folder makes frank_VERSION_ARCH.deb and
# libfrank-dev_VERSION_ARCH.deb there.
set(FRANK_DEBIAN ${CMAKE_CURRENT_LIST_DIR}/debian)
set(FRANK_DEBIAN_MADE ${CMAKE_BINARY_DIR}/debian)

install(FILES ${FRANK_DEBIAN}/copyright ${FRANK_DEBIAN}/changelog
  DESTINATION share/doc/frank COMPONENT etc EXCLUDE_FROM_ALL)
install(FILES ${FRANK_DEBIAN}/copyright ${FRANK_DEBIAN}/changelog
  DESTINATION share/doc/libfrank-dev COMPONENT etc-dev EXCLUDE_FROM_ALL)
install(FILES ${FRANK_DEBIAN}/README.Debian DESTINATION share/doc/frank COMPONENT etc EXCLUDE_FROM_ALL)

# Configurations of mail servers, as their pages name them, and alerts for Prometheus. (The plugins of
# filters: host/mail/filters.cmake.)
set(FRANK_RUN OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/host/mail/setup DESTINATION share/frank COMPONENT frank
  PATTERN "*.sh" PERMISSIONS ${FRANK_RUN} PATTERN "frank-stamp" PERMISSIONS ${FRANK_RUN})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/frank.rules.yml DESTINATION share/frank COMPONENT frank)

# Units by what happens at the installation: frankd starts, with safe defaults (a socket for the group
# frank); the others do something to mail, or publish: the administrator starts them.
set(FRANK_UNITS_STARTED frankd.service)
set(FRANK_UNITS_READY "")
set(FRANK_SYSUSERS frank.conf)
set(FRANK_STATE /var/lib/frank /var/cache/frank)
get_property(conffiles GLOBAL PROPERTY FRANK_CONFIGURATIONS)
if(FRANK_AUTHORITY)
  list(APPEND FRANK_UNITS_READY frank-authority.service)
  list(APPEND FRANK_SYSUSERS frank-authority.conf)
  list(APPEND FRANK_STATE /var/lib/frank-authority /var/log/frank-authority)
endif()
if(FRANK_MILTER)
  list(APPEND FRANK_UNITS_READY frank-milter-mint.service frank-milter-verify.service)
  list(APPEND FRANK_SYSUSERS frank-milter.conf)
  list(APPEND FRANK_STATE /var/lib/frank-milter)
endif()
foreach(list FRANK_UNITS_STARTED FRANK_UNITS_READY FRANK_SYSUSERS FRANK_STATE)
  string(REPLACE ";" " " ${list} "${${list}}")
endforeach()
foreach(script postinst prerm postrm)
  configure_file(${FRANK_DEBIAN}/${script}.in ${FRANK_DEBIAN_MADE}/${script} @ONLY)
endforeach()
string(REPLACE ";" "\n" conffiles "${conffiles}")
file(WRITE ${FRANK_DEBIAN_MADE}/conffiles "${conffiles}\n")

set(CPACK_PACKAGE_NAME frank)
set(CPACK_PACKAGE_VENDOR "Frank")
set(CPACK_PACKAGE_CONTACT "Frank's maintainers <frank@packages.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "franking machine for e-mail: stamps of computing work")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${FRANK_DEBIAN}/staged.cmake)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL frank Unspecified etc libfrank libfrank-client etc-dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_FRANK_PACKAGE_NAME frank)
set(CPACK_DEBIAN_FRANK_PACKAGE_SHLIBDEPS ON)
# systemd-sysusers, which makes the users.
set(CPACK_DEBIAN_FRANK_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_FRANK_PACKAGE_RECOMMENDS "ca-certificates, dns-root-data")
set(CPACK_DEBIAN_FRANK_PACKAGE_SUGGESTS "ocl-icd-libopencl1, opendkim, postfix, rspamd, spamassassin")
set(CPACK_DEBIAN_FRANK_PACKAGE_CONTROL_EXTRA "${FRANK_DEBIAN_MADE}/postinst;${FRANK_DEBIAN_MADE}/prerm;${FRANK_DEBIAN_MADE}/postrm;${FRANK_DEBIAN_MADE}/conffiles")
set(CPACK_DEBIAN_FRANK_DESCRIPTION
"Frank stamps outbound mail: for a DKIM signature it searches a number that
shows how much computing work was put into that message, so that small senders
can be told from bulk. It judges such stamps on mail that arrives, too.

This package has the daemon that searches (on CPUs and OpenCL devices), milters
for Postfix and Sendmail, the command frank, and the server that publishes how
much work a stamp must show.")

set(CPACK_DEBIAN_LIBFRANK-DEV_PACKAGE_NAME libfrank-dev)
set(CPACK_DEBIAN_LIBFRANK-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBFRANK-DEV_PACKAGE_DEPENDS "libc6-dev, libzmq3-dev, libjansson-dev")
set(CPACK_DEBIAN_LIBFRANK-DEV_DESCRIPTION
"Static libraries and headers: libfrank makes and checks stamps, libfrank_client
asks a running frankd for them.")

include(CPack)
cpack_add_component_group(frank)
cpack_add_component_group(libfrank-dev)
foreach(component frank Unspecified etc)
  cpack_add_component(${component} GROUP frank)
endforeach()
foreach(component libfrank libfrank-client etc-dev)
  cpack_add_component(${component} GROUP libfrank-dev)
endforeach()
