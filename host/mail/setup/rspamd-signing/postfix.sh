#!/bin/sh
# Postfix asks rspamd's proxy at 127.0.0.1:11332, for mail by SMTP and for mail by sendmail(1). Run as
# root; it can be run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

postconf -e \
  'rspamd = { inet:127.0.0.1:11332, default_action=tempfail, connect_timeout=5s }' \
  'smtpd_milters = $rspamd' \
  'non_smtpd_milters = $rspamd'
