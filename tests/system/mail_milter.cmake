# frank-milter at the milter protocol, without a mail server.
frank_script_test(NAME milter_stamps_or_says_why_not SCRIPT milter_mint.py LABEL system TIMEOUT 240)
frank_script_test(NAME milter_judges_what_arrives SCRIPT milter_verify.py LABEL system TIMEOUT 240)
frank_script_test(NAME milter_withstands_abuse SCRIPT milter_hostile.py LABEL system TIMEOUT 240)
