# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers: the same for every C++ target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)  # with GNU's extensions, which BPF's sources use
# Lines for stack traces, but no variables for a debugger, which take a third of the compiler's
# time. Who needs them: cmake --preset dev -DCMAKE_CXX_FLAGS_DEBUG="-Og -g"
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O2 -g1")  # what nobody calls must not be made (src/scheduling/data_plane.c)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")  # no NDEBUG: asserts stay on in production

find_program(CCACHE ccache)
if(CCACHE)
  # These two it wants for precompiled headers; no source here has the time of its compilation.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict is wrong about std::string operator+ in g++ 12 (gcc.gnu.org/PR105651).
  add_compile_options(-Werror -Wno-restrict)
else()
  # clang counts sign changes as conversions; g++, which builds the product, does not.
  add_compile_options(-Wno-sign-conversion)
endif()

if(ISOBAR_SANITIZE)
  # Without those checks of each pointer that AddressSanitizer makes, too, when it is followed:
  # they took half of the compiler's time.
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=undefined
               -fno-sanitize=null,vptr,object-size,pointer-overflow)
  add_compile_options(${sanitize} -fno-omit-frame-pointer)
  add_link_options(${sanitize})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # false alarms in instrumented code
  endif()
endif()
# For targets that hold nothing but tests: what they look at is under UBSan; to have it in the
# tests too would double the time that they take to compile.
function(isobar_tests target)
  if(ISOBAR_SANITIZE)
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
endfunction()
if(ISOBAR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_link_options(-Wl,--as-needed)
