# The filters for rspamd and SpamAssassin: their pure parts everywhere, all of them inside the real
# programs in --full.
frank_script_test(NAME rspamd_filter_gives_the_known_answers SCRIPT filters_vectors.py ARGS lua
  LABEL system)
frank_script_test(NAME spamassassin_filter_gives_the_known_answers SCRIPT filters_vectors.py ARGS perl
  LABEL system)
if(FRANK_FULL)
  frank_script_test(NAME rspamd_judges_stamps SCRIPT filters_rspamd.py LABEL system full TIMEOUT 600)
  frank_script_test(NAME spamassassin_judges_stamps SCRIPT filters_spamassassin.py LABEL system full
    TIMEOUT 600)
endif()
