# What an administrator gets: units, manual pages, completion, the package.
frank_script_test(NAME scorecard_18_units_are_closed SCRIPT package_units.py LABEL system ARGS exposure)
# Sanitizers use system calls of their own.
frank_script_test(NAME scorecard_18_programs_work_within_their_units SCRIPT package_units.py
  LABEL system no_sanitizers TIMEOUT 240 ARGS limits)
