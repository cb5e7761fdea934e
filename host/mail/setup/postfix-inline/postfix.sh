#!/bin/sh
# Stamps while the client waits: the minting milter behind the one that signs, at the submission ports
# and for sendmail(1). Run as root; it can be run again. For another configuration folder than
# /etc/postfix set MAIL_CONFIG. It takes the signing milters from smtpd_milters and non_smtpd_milters.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

# The one that signs comes first: a milter sees what those before it have added.
behind() { # behind SETTING: its milters and then ours, which comes once
  postconf -h "$1" | tr -d ' ' | sed -e 's/,*$frank_mint$//' -e 's/..*/&,/' -e 's/$/$frank_mint/'
}
smtp=$(behind smtpd_milters)
non_smtp=$(behind non_smtpd_milters)
services=
for service in submission submissions smtps; do
  [ -z "$(postconf -M "$service/inet" 2>/dev/null)" ] || services="$services $service"
done

# accept: where the milter cannot be reached the mail goes out without a stamp, since the client waits.
postconf -e \
  'frank_mint = { inet:127.0.0.1:8895, default_action=accept, connect_timeout=5s, content_timeout=120s }' \
  "non_smtpd_milters = $non_smtp"
for service in $services; do
  postconf -P "$service/inet/smtpd_milters=$smtp"
done
