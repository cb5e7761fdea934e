# Included by the top CMakeLists.txt where FRANK_FPGA_SIM is on: a C++ compiler, because what links a
# Verilated model is linked by it, and Verilator.
if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX} AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
  # CMake would take g++, whose sanitizers do not go with clang's.
  get_filename_component(frank_c_folder "${CMAKE_C_COMPILER}" DIRECTORY)
  get_filename_component(frank_cxx_name "${CMAKE_C_COMPILER}" NAME)
  string(REPLACE "clang" "clang++" frank_cxx_name "${frank_cxx_name}")
  find_program(FRANK_CLANGXX NAMES ${frank_cxx_name} clang++ HINTS ${frank_c_folder})
  if(FRANK_CLANGXX)
    set(CMAKE_CXX_COMPILER ${FRANK_CLANGXX})
  endif()
endif()
include(CheckLanguage)
check_language(CXX)
find_program(FRANK_VERILATOR verilator)
if(NOT CMAKE_CXX_COMPILER OR NOT FRANK_VERILATOR)
  message(FATAL_ERROR "The simulated FPGA core needs Verilator and a C++ compiler (Debian packages verilator and g++). "
    "Install them, or build without it: -DFRANK_FPGA_SIM=OFF.")
endif()
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT FRANK_VERILATOR_ROOT)
  execute_process(COMMAND ${FRANK_VERILATOR} --getenv VERILATOR_ROOT
    OUTPUT_VARIABLE frank_verilator_root OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE frank_verilator_status)
  if(NOT frank_verilator_status EQUAL 0 OR
     NOT EXISTS "${frank_verilator_root}/include/verilated.h")
    message(FATAL_ERROR "${FRANK_VERILATOR} --getenv VERILATOR_ROOT names '${frank_verilator_root}', which has no "
      "include/verilated.h; reinstall the Debian package verilator.")
  endif()
  set(FRANK_VERILATOR_ROOT "${frank_verilator_root}" CACHE INTERNAL "Where Verilator's include/ is")
endif()
