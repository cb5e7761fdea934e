# What an administrator gets: units, manual pages, completion, the package.
frank_script_test(NAME scorecard_18_units_are_closed SCRIPT package_units.py LABEL system ARGS exposure)
# Sanitizers use system calls of their own.
frank_script_test(NAME scorecard_18_programs_work_within_their_units SCRIPT package_units.py
  LABEL system no_sanitizers TIMEOUT 240 ARGS limits)
if(FRANK_MANUAL)
  frank_script_test(NAME manual_pages_say_what_help_says SCRIPT package_manual.py LABEL system ARGS manual)
endif()
frank_script_test(NAME bash_completes_what_help_lists SCRIPT package_manual.py LABEL system ARGS completion)
frank_script_test(NAME zsh_and_fish_read_their_completion SCRIPT package_manual.py LABEL system ARGS shells)
frank_script_test(NAME package_is_clean SCRIPT package_deb.py LABEL system no_sanitizers TIMEOUT 600)
if(FRANK_FULL)
  frank_script_test(NAME package_installs_works_and_goes SCRIPT package_chroot.py
    LABEL system full no_sanitizers alone TIMEOUT 900 ARGS install)
  frank_script_test(NAME postfix_steps_lead_to_a_stamped_mail SCRIPT package_chroot.py
    LABEL system full no_sanitizers alone TIMEOUT 900 ARGS steps)
endif()
