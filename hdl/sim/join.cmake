# One source of all that Verilator made in FOLDER, whose number of files and names follow the RTL:
# the build must know its outputs beforehand, and one unit is compiled to faster code.
file(GLOB made RELATIVE ${FOLDER} ${FOLDER}/*.cpp)
list(SORT made)
set(text "")
foreach(file IN LISTS made)
  string(APPEND text "#include \"${file}\"\n")
endforeach()
file(WRITE ${FOLDER}/all.cc "${text}")
