# tests of package
