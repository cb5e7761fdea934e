#!/bin/sh
# Stamps are judged on arrival: the verifying milter behind those that the service smtp has. Run as
# root; it can be run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

have=$(postconf -h smtpd_milters | tr -d ' ')

# accept: mail comes in without a judgement while the milter is away.
postconf -e \
  'frank_verify = { inet:127.0.0.1:8896, default_action=accept, connect_timeout=5s, content_timeout=60s }'

postconf -P "smtp/inet/smtpd_milters=${have:+$have,}\$frank_verify"
