# SPDX-License-Identifier: Apache-2.0
# Debian packages as imported targets (installed by scripts/setup.sh).
include_guard()
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(TIFF REQUIRED)
find_package(GIF REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(mimalloc QUIET)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(ONIGURUMA REQUIRED IMPORTED_TARGET oniguruma)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_library(SENTENCEPIECE_TRAIN sentencepiece_train REQUIRED)

add_library(molmo_fmt INTERFACE)
add_library(molmo::fmt ALIAS molmo_fmt)
target_link_libraries(molmo_fmt INTERFACE fmt::fmt nlohmann_json::nlohmann_json)

# Only core and imgproc: the CMake package of OpenCV comes with libopencv-dev, whose imgcodecs brings 140 libraries.
# Its headers warn as C++20: keep them SYSTEM.
find_path(MOLMO_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(MOLMO_OPENCV_CORE opencv_core REQUIRED)
find_library(MOLMO_OPENCV_IMGPROC opencv_imgproc REQUIRED)
add_library(molmo_opencv INTERFACE)
add_library(molmo::opencv ALIAS molmo_opencv)
target_include_directories(molmo_opencv SYSTEM INTERFACE ${MOLMO_OPENCV_INCLUDE})
target_link_libraries(molmo_opencv INTERFACE ${MOLMO_OPENCV_IMGPROC} ${MOLMO_OPENCV_CORE})
