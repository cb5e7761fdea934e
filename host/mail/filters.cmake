# What judges inside other people's filters: nothing is built, files are installed where an operator
# (host/mail/rspamd/README.md, host/mail/spamassassin/README.md) takes them from.
set(frank_filters_dir ${CMAKE_INSTALL_DATADIR}/frank)

install(FILES rspamd/msmr.lua rspamd/msmr_judge.lua rspamd/msmr_replay.lua rspamd/msmr_report.lua
  rspamd/msmr.conf rspamd/msmr_group.conf rspamd/README.md DESTINATION ${frank_filters_dir}/rspamd)
install(FILES spamassassin/MSMR.pm spamassassin/MSMRJudge.pm spamassassin/msmr.pre
  spamassassin/msmr.cf spamassassin/README.md DESTINATION ${frank_filters_dir}/spamassassin)
