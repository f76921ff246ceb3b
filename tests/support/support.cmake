# What tests with real processes share, and the recording gateway they and the benchmark run.
if(TARGET charter_test_support)
  return()
endif()
find_package(OpenSSL REQUIRED COMPONENTS Crypto)  # SHA-1 of the WebSocket handshake

set(charter_support_dir ${CMAKE_SOURCE_DIR}/tests/support)
add_executable(recorder ${charter_support_dir}/recorder/main.cpp
                        ${charter_support_dir}/recorder/connection.cpp
                        ${charter_support_dir}/recorder/record_file.cpp)
target_include_directories(recorder PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(recorder PRIVATE charter_warnings OpenSSL::Crypto)

add_library(
  charter_test_support STATIC
  ${charter_support_dir}/child_process.cpp ${charter_support_dir}/daemon_process.cpp
  ${charter_support_dir}/files.cpp ${charter_support_dir}/hand_off_client.cpp
  ${charter_support_dir}/process_table.cpp ${charter_support_dir}/project_fixture.cpp
  ${charter_support_dir}/recording_gateway.cpp)
target_include_directories(charter_test_support PUBLIC ${CMAKE_SOURCE_DIR})
target_compile_definitions(
  charter_test_support PRIVATE CHARTER_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
                               CHARTER_RECORDER="$<TARGET_FILE:recorder>")
target_link_libraries(
  charter_test_support
  PUBLIC charter_boost_json
  PRIVATE charter_warnings)
add_dependencies(charter_test_support recorder)
