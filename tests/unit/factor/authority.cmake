# The authority's store, service parts.
frank_test(NAME authority_store_never_goes_back SOURCES test_store.c LABEL unit TIMEOUT 120
  LIBS frank_authority_store PkgConfig::CMOCKA)
