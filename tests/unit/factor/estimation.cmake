# Observations, reports, and what they ask for.
frank_test(NAME estimate_keeps_its_promises SOURCES test_estimate.c LABEL unit
  LIBS frank_observations PkgConfig::CMOCKA m)
frank_test(NAME observations_are_kept_and_counted_right SOURCES test_observations.c LABEL unit
  LIBS frank_observations PkgConfig::CMOCKA m TIMEOUT 120)
frank_test(NAME reports_are_taken_once_and_in_bounds SOURCES test_reports.c LABEL unit
  LIBS frank_observations PkgConfig::CMOCKA m TIMEOUT 120)
