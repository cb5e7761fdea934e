#!/bin/sh
# Stamps while the client waits: the minting milter behind the one that signs, at the submission ports
# and for sendmail(1). Run as root; it can be run again. For another configuration folder than
# /etc/postfix set MAIL_CONFIG. It takes the signing milters from smtpd_milters and non_smtpd_milters.
set -eu

# accept: where the milter cannot be reached the mail goes out without a stamp, since the client waits.
postconf -e \
  'frank_mint = { inet:127.0.0.1:8895, default_action=accept, connect_timeout=5s, content_timeout=120s }'

# The one that signs comes first: a milter sees what those before it have added.
append() { # append NOW: the list with frank_mint at its end
  case $1 in
  *'$frank_mint') printf '%s' "$1" ;;
  *) printf '%s' "${1:+$1, }\$frank_mint" ;;
  esac
}
sign=$(postconf -h smtpd_milters)
for service in submission submissions smtps; do
  if [ -n "$(postconf -M "$service/inet" 2>/dev/null)" ]; then
    postconf -P "$service/inet/smtpd_milters=$(append "$sign" | tr -d ' ')"
  fi
done
postconf -e "non_smtpd_milters = $(append "$(postconf -h non_smtpd_milters)")"
