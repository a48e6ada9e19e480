# SPDX-License-Identifier: Apache-2.0
# Compiler flags shared by every target, ccache and a fast linker where they are found.

# Floating-point contraction is off: image arithmetic says fma() where it means it (docs/architecture.md).
# Designated initialisers leave fields to their defaults on purpose.
add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers -ffp-contract=off -fno-math-errno)
# One -fPIC for libraries and programs: a precompiled header serves only files with the same code model.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fPIC>)
if(MOLMO_WERROR)
  add_compile_options(-Werror)
endif()
if(MOLMO_MARCH AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-march=${MOLMO_MARCH}>")
endif()
if(MOLMO_SANITIZE)
  add_compile_options(-fsanitize=${MOLMO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${MOLMO_SANITIZE})
endif()

find_program(MOLMO_CCACHE ccache)
if(MOLMO_CCACHE)
  # Precompiled headers need these; otherwise ccache never hits.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${MOLMO_CCACHE})
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>")
endif()
find_program(MOLMO_LLD ld.lld)
if(MOLMO_LLD)
  add_link_options(-fuse-ld=lld)
endif()
