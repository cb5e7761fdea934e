# The authority.
frank_script_test(NAME authority_publishes_what_others_verify SCRIPT authority_serves.py LABEL system
  TIMEOUT 240)
frank_script_test(NAME scorecard_4_authority_loses_no_epoch SCRIPT authority_storage.py LABEL system
  TIMEOUT 600)
frank_script_test(NAME authority_bears_slow_and_greedy_clients SCRIPT authority_limits.py LABEL system
  alone TIMEOUT 240)
frank_script_test(NAME authority_takes_reports_and_follows_its_estimate SCRIPT authority_reports.py
  LABEL system TIMEOUT 180)
