# Every third-party library, each for one job. Packages: scripts/deps.
find_package(Threads REQUIRED)
find_package(CapnProto REQUIRED)                                   # frames between the processes
find_package(Boost 1.81 REQUIRED COMPONENTS program_options)       # Asio, Beast, options; JSON in tests
find_package(spdlog REQUIRED)                                      # logs of supervisor and gateway
find_package(OpenSSL 3.0 REQUIRED)                                 # TLS to the gateway
find_package(ZLIB REQUIRED)                                        # support bundles
find_package(SQLite3 REQUIRED)                                     # the embedded gateway's database
find_package(PkgConfig REQUIRED)
pkg_check_modules(YAML REQUIRED yaml-0.1)                          # plans and manifests (worker)

# Cap'n Proto's messages only (no RPC, no KJ event loop), static because the worker is.
find_library(CAPNP_STATIC libcapnp.a REQUIRED)
find_library(KJ_STATIC libkj.a REQUIRED)
add_library(charter_capnp INTERFACE)
target_link_libraries(charter_capnp INTERFACE ${CAPNP_STATIC} ${KJ_STATIC} Threads::Threads)

# Boost.JSON, compiled once, for tests alone; only its strict streaming parser and value are used.
add_library(charter_boost_json STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_json.cpp)
target_link_libraries(charter_boost_json PUBLIC Boost::headers)

# Asio and Beast's HTTP and WebSocket plumbing, compiled once.
add_library(charter_boost_net STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_net.cpp)
target_compile_definitions(
  charter_boost_net
  PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)
target_link_libraries(charter_boost_net PUBLIC Boost::headers Threads::Threads)
