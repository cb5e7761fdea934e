#!/bin/sh
# Stamps are judged on arrival: the verifying milter behind those that the service smtp has. Run as
# root; it can be run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

service=smtp/inet
[ -z "$(postconf -M smtpd/pass 2>/dev/null)" ] || service=smtpd/pass # postscreen has the port
own=$(postconf -Ph "$service/smtpd_milters" 2>/dev/null)
case $own in
'' | '$frank_verify_milters') ;;
*)
  echo "$0: $service in master.cf has smtpd_milters=$own, which would be lost; move them to main.cf" >&2
  exit 1
  ;;
esac
have=$(postconf -h smtpd_milters)

# accept: mail comes in without a judgement while the milter is away.
postconf -e \
  'frank_verify = { inet:127.0.0.1:8896, default_action=accept, connect_timeout=5s, content_timeout=60s }' \
  "frank_verify_milters = ${have:+$have, }\$frank_verify"

postconf -P "$service/smtpd_milters=\$frank_verify_milters"
