# SPDX-License-Identifier: Apache-2.0
# cmake --install: the program, libmolmo.so, and what other projects find it by (docs/library.md).
include_guard()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/molmo)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_LIBDIR}/pkgconfig OUTPUT_VARIABLE MOLMO_PC_INCLUDE)

# LibTorch stays where it is: its absolute folders follow the rpath's own, which moves with the installation.
set_target_properties(molmo_shared molmo_torch PROPERTIES INSTALL_RPATH "$ORIGIN")
set(libraries molmo_torch)
if(TARGET molmo_cuda)
  set_target_properties(molmo_cuda PROPERTIES INSTALL_RPATH "$ORIGIN")
  list(APPEND libraries molmo_cuda)
endif()
cmake_path(RELATIVE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_BINDIR} OUTPUT_VARIABLE libraries_beside)
set_target_properties(molmo PROPERTIES INSTALL_RPATH "$ORIGIN/${libraries_beside}")

install(TARGETS molmo RUNTIME)
install(TARGETS ${libraries} LIBRARY)
install(TARGETS molmo_shared EXPORT molmoTargets LIBRARY)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/molmo TYPE INCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs DESTINATION ${CMAKE_INSTALL_DATADIR}/molmo)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE TYPE DOC)
install(EXPORT molmoTargets NAMESPACE molmo:: DESTINATION ${package_folder})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/install/molmoConfig.cmake.in ${PROJECT_BINARY_DIR}/molmoConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/molmoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(${PROJECT_SOURCE_DIR}/cmake/install/molmo.pc.in ${PROJECT_BINARY_DIR}/molmo.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/molmoConfig.cmake ${PROJECT_BINARY_DIR}/molmoConfigVersion.cmake DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/molmo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
