# SPDX-License-Identifier: Apache-2.0
# The three kinds of folder: a library, a program, their unit tests. Sources are found by
# themselves; a folder without any (yet) is a target that does nothing.

# isobar_library(NAME LIBRARY...): src/NAME as static library isobar_NAME.
function(isobar_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  _isobar_library(${name} "${sources}" ${ARGN})
  _isobar_unit_tests(${name})
endfunction()

# isobar_program(NAME PROGRAM LIBRARY...): src/NAME as PROGRAM. main.cpp holds main(); all
# else of the folder is a library, so that unit tests can link it.
function(isobar_program name program)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  set(main ${CMAKE_CURRENT_SOURCE_DIR}/${name}/main.cpp)
  list(FIND sources ${main} main_at)
  list(REMOVE_ITEM sources ${main})
  _isobar_library(${name} "${sources}" ${ARGN})
  if(NOT main_at EQUAL -1)
    add_executable(${program} ${main})
    target_link_libraries(${program} PRIVATE isobar_${name})
  endif()
  _isobar_unit_tests(${name})
endfunction()

function(_isobar_library name sources)
  if(sources)
    set(scope PUBLIC)
    add_library(isobar_${name} STATIC ${sources})
    isobar_precompiled(isobar_${name} library)
  else()
    set(scope INTERFACE)
    add_library(isobar_${name} INTERFACE)
  endif()
  target_include_directories(isobar_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(isobar_${name} ${scope} ${ARGN})
endfunction()

# Every *_test.cpp of src/NAME: one GoogleTest program test-NAME.
function(_isobar_unit_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${name}/*_test.cpp)
  if(NOT ISOBAR_TESTS OR NOT sources)
    return()
  endif()
  add_executable(test-${name} ${sources})
  isobar_tests(test-${name})
  isobar_precompiled(test-${name} tests)
  target_link_libraries(test-${name} PRIVATE isobar_${name} GTest::gmock GTest::gtest_main)
  set_property(GLOBAL APPEND PROPERTY isobar_unit_tests test-${name})
  gtest_discover_tests(test-${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit)
endfunction()
