#!/bin/sh
# Postfix asks OpenDKIM at 127.0.0.1:8891, for mail by SMTP and for mail by sendmail(1). Run as root;
# it can be run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

postconf -e \
  'opendkim = { inet:127.0.0.1:8891, default_action=tempfail, connect_timeout=5s }' \
  'smtpd_milters = $opendkim' \
  'non_smtpd_milters = $opendkim'
