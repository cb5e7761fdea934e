# Mail servers by the files of host/mail/setup. As root; without Postfix and OpenDKIM they are skipped.
frank_script_test(NAME mail_setups_sign_stamp_and_deliver SCRIPT mail_setups.py LABEL system TIMEOUT 300)
frank_script_test(NAME mail_setup_for_exim_signs_and_stamps SCRIPT mail_exim.py LABEL system)
frank_script_test(NAME mail_hazards_give_what_the_rules_say SCRIPT mail_hazards.py LABEL system TIMEOUT 300)
