# plumbline_layer(NAME SOURCES a.cpp ... [LAYERS core engine ...] [PRIVATE fmt::fmt ...])
#
# A static library plumbline::NAME of one layer.  LAYERS are the layers it may include, the same
# as tools/layers.txt says; PRIVATE are third-party libraries, each at its one door.
function(plumbline_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LAYERS;PRIVATE" ${ARGN})
  add_library(plumbline_${name} STATIC ${arg_SOURCES})
  add_library(plumbline::${name} ALIAS plumbline_${name})
  target_include_directories(plumbline_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  list(TRANSFORM arg_LAYERS PREPEND plumbline::)
  target_link_libraries(plumbline_${name} PUBLIC ${arg_LAYERS} PRIVATE ${arg_PRIVATE}
                                          plumbline_options)
endfunction()

# plumbline_test(NAME SOURCES a_test.cpp ... LAYERS core ...)
function(plumbline_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LAYERS;PRIVATE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  list(TRANSFORM arg_LAYERS PREPEND plumbline::)
  target_link_libraries(${name} PRIVATE ${arg_LAYERS} ${arg_PRIVATE} GTest::gmock GTest::gtest_main
                                        plumbline_options)
  target_compile_definitions(${name} PRIVATE PLUMBLINE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Tests are compiled once and run for milliseconds: light optimisation, shared GoogleTest headers.
  target_compile_options(${name} PRIVATE -O1)
  target_precompile_headers(${name} REUSE_FROM plumbline_test_headers)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60)
endfunction()

# Compiler flags of our own targets.  No -march=native and no fused multiply-add: the same input
# gives the same output on every machine.
add_library(plumbline_options INTERFACE)
target_compile_options(plumbline_options INTERFACE -Wall -Wextra -Wpedantic -ffp-contract=off)
if(PLUMBLINE_WERROR)
  target_compile_options(plumbline_options INTERFACE -Werror)
endif()
if(PLUMBLINE_SANITIZE)
  target_compile_options(plumbline_options INTERFACE -fsanitize=${PLUMBLINE_SANITIZE}
                                                     -fno-omit-frame-pointer -O0)
  target_link_options(plumbline_options INTERFACE -fsanitize=${PLUMBLINE_SANITIZE})
endif()

# GoogleTest's headers, compiled once for all tests.
if(PLUMBLINE_TESTS)
  find_package(GTest REQUIRED)
  file(WRITE ${PROJECT_BINARY_DIR}/test_headers.cpp "")
  add_library(plumbline_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(plumbline_test_headers PRIVATE GTest::gmock plumbline_options)
  target_include_directories(plumbline_test_headers PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(plumbline_test_headers PRIVATE
                             PLUMBLINE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(plumbline_test_headers PRIVATE -O1)
  target_precompile_headers(plumbline_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()
