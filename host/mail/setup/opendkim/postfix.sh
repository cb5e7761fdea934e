#!/bin/sh
# Postfix asks OpenDKIM at 127.0.0.1:8891, for mail by SMTP and for mail by sendmail(1). Run as root;
# it can be run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

# Other milters stay, and only you know which of them change mail: those come before a signature.
for setting in smtpd_milters non_smtpd_milters; do
  case $(postconf -h $setting) in
  '' | *'$opendkim'*) ;;
  *)
    echo "$0: $setting = $(postconf -h $setting): others are named there; add \$opendkim by hand," \
      "behind those that change mail and before \$frank_mint" >&2
    exit 1
    ;;
  esac
done

postconf -e \
  'opendkim = { inet:127.0.0.1:8891, default_action=tempfail, connect_timeout=5s }'
for setting in smtpd_milters non_smtpd_milters; do
  [ -n "$(postconf -h $setting)" ] || postconf -e "$setting = \$opendkim"
done
