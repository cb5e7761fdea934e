# Mail servers by the files of host/mail/setup. As root; without Postfix and OpenDKIM they are skipped.
frank_script_test(NAME mail_setups_sign_stamp_and_deliver SCRIPT mail_setups.py LABEL system TIMEOUT 400)
frank_script_test(NAME mail_setup_for_exim_signs_and_stamps SCRIPT mail_exim.py LABEL system)
frank_script_test(NAME mail_hazards_give_what_the_rules_say SCRIPT mail_hazards.py LABEL system TIMEOUT 300)
frank_script_test(NAME mail_by_the_thousand_is_stamped_and_counted SCRIPT mail_load.py LABEL system
  busy TIMEOUT 400 ARGS many frankd)
frank_script_test(NAME scorecard_15_no_mail_is_lost_by_kills SCRIPT mail_load.py LABEL system busy
  TIMEOUT 400 ARGS scorecard)
if(FRANK_FULL)
  frank_script_test(NAME mail_setup_for_rspamd_signs_and_stamps SCRIPT mail_rspamd_signing.py
    LABEL system full TIMEOUT 200)
endif()
