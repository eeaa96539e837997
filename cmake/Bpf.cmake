# SPDX-License-Identifier: Apache-2.0
# add_bpf_object(FILE.bpf.c): compiles it to <build>/bpf/FILE.bpf.o and writes the
# skeleton <build>/bpf/FILE.skel.h, which C++ includes as "bpf/FILE.skel.h".

set(BPF_DIR ${CMAKE_BINARY_DIR}/bpf)
file(MAKE_DIRECTORY ${BPF_DIR})

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(bpf_target_arch x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(bpf_target_arch arm64)
else()
  message(FATAL_ERROR "no BPF target architecture known for ${CMAKE_SYSTEM_PROCESSOR}")
endif()

function(add_bpf_object source)
  cmake_path(ABSOLUTE_PATH source)
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE relative)
  cmake_path(GET source FILENAME name)
  string(REPLACE ".bpf.c" "" name ${name})
  set(object ${BPF_DIR}/${name}.bpf.o)
  set(skeleton ${BPF_DIR}/${name}.skel.h)

  # Paths are mapped to relative ones: the object, and with it the build id, is the same
  # wherever the source and the build folder stand.
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Werror
      -D__TARGET_ARCH_${bpf_target_arch}
      -I${CMAKE_SOURCE_DIR}/abi -I${CMAKE_SOURCE_DIR}/bpf -I${BPF_DIR}
      -I/usr/include/${CMAKE_CXX_LIBRARY_ARCHITECTURE}
      -fdebug-compilation-dir=. -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
      -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
      -MMD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}  # DWARF goes, BTF stays
    DEPENDS ${source}
    DEPFILE ${object}.d
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}  # where clang finds the mapped paths again
    COMMENT "BPF ${relative}"
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND sh -c "'${BPFTOOL}' gen skeleton '${object}' name isobar_${name} >'${skeleton}.tmp' && mv '${skeleton}.tmp' '${skeleton}'"
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}"
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY bpf_objects_of_${CMAKE_CURRENT_SOURCE_DIR} ${object})
  set_property(GLOBAL APPEND PROPERTY bpf_skeletons_of_${CMAKE_CURRENT_SOURCE_DIR} ${skeleton})
endfunction()

# add_bpf_objects(TARGET OBJECTS): every *.bpf.c of the current folder. Who links TARGET may
# include the skeletons. OBJECTS gets the list of .o files.
function(add_bpf_objects target objects)
  file(GLOB sources CONFIGURE_DEPENDS *.bpf.c)
  foreach(source IN LISTS sources)
    add_bpf_object(${source})
  endforeach()
  get_property(made GLOBAL PROPERTY bpf_objects_of_${CMAKE_CURRENT_SOURCE_DIR})
  get_property(skeletons GLOBAL PROPERTY bpf_skeletons_of_${CMAKE_CURRENT_SOURCE_DIR})
  add_custom_target(${target}_files ALL DEPENDS ${skeletons})
  set_property(GLOBAL APPEND PROPERTY bpf_headers ${skeletons})
  add_library(${target} INTERFACE)
  # SYSTEM: bpftool's output is not ours to keep free of warnings.
  target_include_directories(${target} SYSTEM INTERFACE ${CMAKE_BINARY_DIR})
  target_link_libraries(${target} INTERFACE PkgConfig::libbpf)
  set(${objects} ${made} PARENT_SCOPE)
endfunction()

# compile_after_bpf(TARGET...): the generated headers are there before these are compiled.
# Not add_dependencies: that would make all who link TARGET wait for BPF too, although they
# see none of it. A TARGET that does not exist or has no sources (yet) is left alone.
function(compile_after_bpf)
  get_property(headers GLOBAL PROPERTY bpf_headers)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      get_target_property(sources ${target} SOURCES)
      if(sources)
        set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${headers})
      endif()
    endif()
  endforeach()
endfunction()
