# What every target of this project is compiled with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CHARTER_SANITIZE "" CACHE STRING "Value for -fsanitize, empty for none")
if(CHARTER_SANITIZE)
  add_compile_options(-fsanitize=${CHARTER_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CHARTER_SANITIZE})
endif()

option(CHARTER_FUZZ "Build the fuzzers (tests/fuzz) instead of the tests; needs clang" OFF)

# Beast's WebSocket takes up to 4 GB to compile under a sanitizer, so those files
# queue in a pool of their own; see JOB_POOL_COMPILE.
set_property(GLOBAL PROPERTY JOB_POOLS heavy=1)

# The warnings our own code is held to; third-party headers are SYSTEM.
add_library(charter_warnings INTERFACE)
target_compile_options(charter_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
# g++ 12 reports every "text" + std::string as a self-overlapping copy (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(charter_warnings INTERFACE -Wno-restrict)
  # Optimised or instrumented, it takes moves of a std::variant or of an empty std::optional for
  # reads of what was never written (of every member of ipc::JournalFrame's body, among others).
  target_compile_options(charter_warnings
                         INTERFACE $<$<NOT:$<CONFIG:Debug>>:-Wno-maybe-uninitialized>)
endif()

# Several sources of a room at once, which from nothing takes a third of the processor time. Names in
# unnamed namespaces then have to differ within a room, as they should for who reads them.
option(CHARTER_UNITY "Compile the sources of a room together" OFF)

# charter_room(NAME SOURCES…): the static library of one room, with the project's
# root as include path so that an include line names the room it reaches into.
function(charter_room name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE charter_warnings)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${CHARTER_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()
