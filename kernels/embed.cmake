# cmake -DOUTPUT=file -DSOURCES=a;b;c -P embed.cmake
# Writes a C file that holds the sources, one after the other, as one text. Lines that include one
# of them from another go out, as it stands before; #line says what comes from where, for the build
# log of a driver.
set(text "")
foreach(source IN LISTS SOURCES)
  file(READ ${source} content)
  get_filename_component(name ${source} NAME)
  string(REGEX REPLACE "(^|\n)#include \"[^\n]*" "\\1" content "${content}")
  string(APPEND text "#line 1 \"${name}\"\n${content}")
endforeach()
string(HEX "${text}" bytes)
string(LENGTH "${bytes}" digits)
math(EXPR length "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"kernels/kernels.h\"

const size_t frank_kernel_source_len_bytes = ${length};
const char frank_kernel_source[${length} + 1] = {
${bytes}
0};
")
