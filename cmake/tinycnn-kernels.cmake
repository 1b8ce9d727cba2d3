# With TINYCNN_PRECOMPILED, a library in the user's project compiles the kernels once, with that project's flags.
# Included by tinycnn's CMakeLists.txt and by tinycnn-config.cmake.
option(TINYCNN_PRECOMPILED "Compile tinycnn's kernels once instead of in every file that uses them" OFF)

if(TINYCNN_PRECOMPILED AND NOT TARGET tinycnn_kernels)
  set(tinycnn_kernels_source ${CMAKE_CURRENT_BINARY_DIR}/tinycnn_kernels.cpp)
  file(CONFIGURE OUTPUT ${tinycnn_kernels_source} CONTENT "#include <tinycnn/backends/cpu/precompiled.hpp>\n")
  add_library(tinycnn_kernels STATIC ${tinycnn_kernels_source})
  target_compile_features(tinycnn_kernels PUBLIC cxx_std_20)
  target_compile_definitions(tinycnn_kernels PUBLIC TINYCNN_PRECOMPILED)
  target_include_directories(tinycnn_kernels SYSTEM PRIVATE
                             $<TARGET_PROPERTY:tinycnn::tinycnn,INTERFACE_INCLUDE_DIRECTORIES>)
endif()
