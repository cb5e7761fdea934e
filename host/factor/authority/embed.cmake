# cmake -DOUTPUT=file -DPAGE=page.css -DPLOT=plot.css -P embed.cmake
# Writes a C file that holds the styles as texts: without comments and indentation, which browsers
# need not fetch.
function(embed file name)
  file(READ ${file} content)
  string(REGEX REPLACE "/\\*[^*]*\\*/" "" content "${content}")
  string(REGEX REPLACE "\n[ \n]*" "\n" content "${content}")
  string(STRIP "${content}" content)
  string(HEX "${content}" bytes)
  string(LENGTH "${bytes}" digits)
  math(EXPR length "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  file(APPEND ${OUTPUT} "
static const char ${name}_css[${length} + 1] = {
${bytes}
0};
const struct frank_page_style frank_${name}_style = {${name}_css, ${length}};
")
endfunction()

file(WRITE ${OUTPUT} "#include \"factor/authority/page_parts.h\"\n")
embed(${PAGE} page)
embed(${PLOT} plot)
