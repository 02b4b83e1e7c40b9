# The Debian package "weir": `cpack --config build/release/CPackConfig.cmake`. Everything in it is the
# install component "machine", laid out from the root of the file system, so that
# `cmake --install build/release --component machine --prefix /` puts the same files in place without it.

set(DEB ${CMAKE_CURRENT_SOURCE_DIR}/deploy/package/deb)
set(DEB_MADE ${CMAKE_CURRENT_BINARY_DIR}/deb)
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# Installs files into a folder below the root, and into nothing but the package.
function(machine_install folder)
  install(FILES ${ARGN} DESTINATION ${folder} COMPONENT machine EXCLUDE_FROM_ALL)
endfunction()

# A compressed copy of a file, as policy wants it, under another name if one is given.
function(machine_install_gz folder file)
  get_filename_component(name ${file} NAME)
  set(name ${ARGN} ${name})
  list(GET name 0 name)
  execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${DEB_MADE}/${name}.gz COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  machine_install(${folder} ${DEB_MADE}/${name}.gz)
endfunction()

# /etc/weir/weir.env is .env.example with the defaults commented out, but for the routes document.
file(READ .env.example WEIR_ENV)
string(REGEX REPLACE "\n(WEIR_[A-Z_]+=)" "\n#\\1" WEIR_ENV "${WEIR_ENV}")
string(REGEX REPLACE "^[^\n]*\n[^\n]*\n(.*)$" "\\1" WEIR_ENV "${WEIR_ENV}")
string(REPLACE "\n#WEIR_ROUTES_FILE=\n" "\nWEIR_ROUTES_FILE=/etc/weir/routes.json\n" WEIR_ENV "${WEIR_ENV}")
file(WRITE ${DEB_MADE}/weir.env "# Settings of weir.service; each is shown with its default. After a change:\n"
     "#   systemctl reload weir      (listeners, workers and connection limits: restart)\n${WEIR_ENV}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS .env.example)

string(TIMESTAMP DEB_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${DEB}/changelog.in ${DEB_MADE}/changelog @ONLY)

install(TARGETS weir_program weir_standin RUNTIME DESTINATION usr/bin COMPONENT machine EXCLUDE_FROM_ALL)
machine_install(etc/weir ${DEB_MADE}/weir.env upstreams/routes.json)
machine_install(lib/systemd/system deploy/systemd/weir.service)
machine_install(usr/lib/sysusers.d deploy/systemd/weir.conf)
machine_install(usr/share/doc/weir ${DEB}/copyright README.md)
machine_install_gz(usr/share/doc/weir ${DEB_MADE}/changelog)
machine_install_gz(usr/share/man/man8 ${CMAKE_CURRENT_SOURCE_DIR}/deploy/man/weir.8)
machine_install_gz(usr/share/man/man1 ${CMAKE_CURRENT_SOURCE_DIR}/deploy/man/weir-standin.1)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL machine)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_DIRECTORY ${DEB_MADE})
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_MACHINE_PACKAGE_NAME weir)
set(CPACK_DEBIAN_MACHINE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "weir maintainers <maintainers@weir.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backend-for-frontend with one deadline for the whole fan-out")
set(CPACK_DEBIAN_MACHINE_DESCRIPTION
"weir answers one HTTP request from several upstream services: it asks them in
parallel under one shared deadline and returns one JSON, complete or partial,
within the budget. When the deadline passes or the client leaves, every call
still running is ended at once.
.
The package has the service with its systemd unit, and weir-standin, which
stands in for the upstream services and misbehaves on demand.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The first is for systemd-sysusers; the certificates are for https upstreams.
set(CPACK_DEBIAN_MACHINE_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers | systemd-sysusers, init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_MACHINE_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_MACHINE_PACKAGE_CONTROL_EXTRA ${DEB}/conffiles ${DEB}/postinst ${DEB}/prerm ${DEB}/postrm)
include(CPack)
