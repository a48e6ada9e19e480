# SPDX-License-Identifier: Apache-2.0
# One imported target, molmo::libtorch: the CPU half of LibTorch (libtorch_cpu, libc10), from MOLMO_LIBTORCH or from
# the torch wheel in .venv. The wheel's own find_package(Torch) wants the whole CUDA set-up, hence by hand.
include_guard()

set(_torch ${MOLMO_LIBTORCH})
if(NOT _torch)
  file(GLOB _candidates ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  if(_candidates)
    list(GET _candidates 0 _torch)
  endif()
endif()
if(NOT EXISTS "${_torch}/lib/libtorch_cpu.so" OR NOT EXISTS "${_torch}/include/ATen/ATen.h")
  message(FATAL_ERROR "[cmake] LibTorch not found (looked in '${MOLMO_LIBTORCH}' and ${PROJECT_SOURCE_DIR}/.venv): "
                      "run scripts/setup.sh, or pass -DMOLMO_LIBTORCH=/path/to/libtorch.")
endif()
get_filename_component(MOLMO_TORCH_DIR "${_torch}" REALPATH)
message(STATUS "LibTorch: ${MOLMO_TORCH_DIR}")

# libtorch_cpu.so of the CUDA wheel needs libcudart and libcupti: from the toolkit, or from small wheels beside torch.
get_filename_component(_site ${MOLMO_TORCH_DIR} DIRECTORY)
file(GLOB _wheel_libraries ${_site}/nvidia/*/lib)
set(MOLMO_TORCH_RPATH ${MOLMO_TORCH_DIR}/lib ${_wheel_libraries})
foreach(_folder /usr/local/cuda/lib64 /usr/local/cuda/extras/CUPTI/lib64)
  if(IS_DIRECTORY ${_folder})
    list(APPEND MOLMO_TORCH_RPATH ${_folder})
  endif()
endforeach()

add_library(molmo_libtorch INTERFACE)
add_library(molmo::libtorch ALIAS molmo_libtorch)
target_include_directories(molmo_libtorch SYSTEM INTERFACE ${PROJECT_SOURCE_DIR}/cmake/libtorch ${MOLMO_TORCH_DIR}/include
                                                           ${MOLMO_TORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(molmo_libtorch INTERFACE -Wl,--no-as-needed ${MOLMO_TORCH_DIR}/lib/libtorch_cpu.so
                                               ${MOLMO_TORCH_DIR}/lib/libc10.so -Wl,--as-needed)
# at::parallel_for is a template over OpenMP: compiled without it, it runs on one thread and says nothing.
find_package(OpenMP REQUIRED COMPONENTS CXX)
target_link_libraries(molmo_libtorch INTERFACE OpenMP::OpenMP_CXX)
foreach(_folder IN LISTS MOLMO_TORCH_RPATH)
  target_link_options(molmo_libtorch INTERFACE -Wl,-rpath,${_folder} -Wl,-rpath-link,${_folder})
endforeach()
# Old-style rpath: unlike RUNPATH it also serves the libraries behind libtorch_cpu.so and, once opened, libtorch_cuda.so.
target_link_options(molmo_libtorch INTERFACE -Wl,--disable-new-dtags)
# Only the CPU half is linked: symbols of libraries behind it are found through the rpath at run time.
target_link_options(molmo_libtorch INTERFACE -Wl,--allow-shlib-undefined)
