#!/bin/sh
# Stamps while the client waits: the minting milter behind the one that signs, at the submission ports
# and for sendmail(1). Run as root; it can be run again. For another configuration folder than
# /etc/postfix set MAIL_CONFIG. It takes the signing milters from smtpd_milters and non_smtpd_milters.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

if [ -n "$(postconf -M mint/unix 2>/dev/null)" ]; then
  echo "$0: mail is stamped by postfix-reinject here (mint/unix in master.cf); take that out first" >&2
  exit 1
fi

# The one that signs comes first: a milter sees what those before it have added.
behind() { # behind SETTING: its milters as they are, with commas or spaces, and then ours
  postconf -h "$1" | sed -E -e 's/[, ]*\$frank_mint$//' -e 's/..*/&, /' -e 's/$/$frank_mint/'
}
smtp=$(behind smtpd_milters)
non_smtp=$(behind non_smtpd_milters)
services=
for service in submission submissions smtps; do
  [ -n "$(postconf -M "$service/inet" 2>/dev/null)" ] || continue
  services="$services $service"
  own=$(postconf -Ph "$service/inet/smtpd_milters" 2>/dev/null)
  case $own in
  '' | '$frank_mint_milters') ;;
  *)
    echo "$0: $service in master.cf has smtpd_milters=$own, which would be lost; move them to main.cf" >&2
    exit 1
    ;;
  esac
done

# accept: where the milter cannot be reached the mail goes out without a stamp, since the client waits.
postconf -e \
  'frank_mint = { inet:127.0.0.1:8895, default_action=accept, connect_timeout=5s, content_timeout=120s }' \
  "frank_mint_milters = $smtp" \
  "non_smtpd_milters = $non_smtp"
for service in $services; do
  postconf -P "$service/inet/smtpd_milters=\$frank_mint_milters"
done
