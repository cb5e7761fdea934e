/*
 * native_list: the shapes of the search kernel that tests compile as plain C: counters in a vector,
 * vectors side by side. Included where NATIVE_SHAPE is defined; CMakeLists.txt reads it as well.
 */
NATIVE_SHAPE(1, 1)
NATIVE_SHAPE(1, 2)
NATIVE_SHAPE(2, 1)
NATIVE_SHAPE(2, 2)
NATIVE_SHAPE(4, 1)
NATIVE_SHAPE(4, 2)
NATIVE_SHAPE(8, 1)
NATIVE_SHAPE(8, 2)
NATIVE_SHAPE(16, 1)
NATIVE_SHAPE(16, 2)
