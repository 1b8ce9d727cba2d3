# find_package(tinycnn) reads this file after an install.
include(CMakeFindDependencyMacro)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/tinycnn-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/tinycnn-kernels.cmake)
if(TINYCNN_PRECOMPILED)
  target_link_libraries(tinycnn::tinycnn INTERFACE tinycnn_kernels)
endif()
