#!/bin/sh
# Stamps by re-injection: signed mail goes into the queue, from there by the transport `mint` to a
# second smtpd on loopback, which has the minting milter alone, and on its way. Run as root; it can be
# run again. For another configuration folder than /etc/postfix set MAIL_CONFIG.
#
# It takes the milter that signs as it is (smtpd_milters, non_smtpd_milters), and changes nothing of
# the service smtp: mail of others that comes in by port 25 gets no stamp.
# shellcheck disable=SC2016  # what has a $ in quotes is for Postfix
set -eu

case $(postconf -h non_smtpd_milters) in
*'$frank_mint'*)
  echo "$0: mail is stamped by postfix-inline here (non_smtpd_milters in main.cf); take that out first" >&2
  exit 1
  ;;
esac

# Which mail goes that way: what users hand in, by the submission ports that there are...
services=pickup/unix # ... and by sendmail(1)
for service in submission submissions smtps; do
  [ -z "$(postconf -M "$service/inet" 2>/dev/null)" ] || services="$services $service/inet"
done

# The minting milter. tempfail is for a milter that cannot be reached: the mail waits in our own queue
# and comes stamped later. What frank-milter does when it has no stamp is its own on_failure.
# Timeouts: frank-milter's deadline (30 s) < content_timeout < smtp_data_done_timeout below.
postconf -e \
  'frank_mint = { inet:127.0.0.1:8895, default_action=tempfail, connect_timeout=5s, content_timeout=120s }'

# From the queue to the second smtpd. The 8 is how many mails are being stamped at a time.
# One mail stays one mail: not split by its recipients, whose number frank-milter looks at.
postconf -M 'mint/unix=mint unix - - n - 8 smtp'
postconf -e \
  'mint_destination_concurrency_limit = 8' \
  'mint_initial_destination_concurrency = 8' \
  'mint_destination_recipient_limit = 1000'
# Each mail has a session of its own: where the milter goes away Postfix keeps refusing in sessions that
# were open, for as long as they are used again.
# What main.cf says of mail to others must not touch this hop: addresses that are rewritten and lines
# that are broken spoil the signature, a fallback relay would get the mail without a stamp.
for option in \
  'syslog_name=postfix/mint' \
  'smtp_send_xforward_command=yes' \
  'smtp_data_done_timeout=600s' \
  'smtp_connection_cache_on_demand=no' \
  'smtp_line_length_limit=0' \
  'smtp_tls_security_level=none' \
  'smtp_sasl_auth_enable=no' \
  'smtp_bind_address=' \
  'smtp_fallback_relay=' \
  'smtp_generic_maps=' \
  'smtp_header_checks=' \
  'smtp_body_checks='; do
  postconf -P "mint/unix/$option"
done

# The second smtpd. no_address_mappings belongs here, on the second pass: aliases and canonical
# addresses are applied once, in the first, before signing.
postconf -M '127.0.0.1:10026/inet=127.0.0.1:10026 inet n - n - 16 smtpd'
for option in \
  'syslog_name=postfix/reinject' \
  'content_filter=' \
  'smtpd_milters=$frank_mint' \
  'receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_address_mappings' \
  'local_header_rewrite_clients=' \
  'mynetworks=127.0.0.0/8' \
  'smtpd_authorized_xforward_hosts=127.0.0.0/8' \
  'smtpd_client_restrictions=permit_mynetworks,reject' \
  'smtpd_helo_restrictions=' \
  'smtpd_sender_restrictions=' \
  'smtpd_relay_restrictions=' \
  'smtpd_recipient_restrictions=permit_mynetworks,reject' \
  'smtpd_data_restrictions=' \
  'smtpd_end_of_data_restrictions=' \
  'smtpd_proxy_filter=' \
  'smtpd_recipient_limit=2000' \
  'smtpd_sasl_auth_enable=no' \
  'smtpd_tls_security_level=none'; do
  postconf -P "127.0.0.1:10026/inet/$option"
done

for service in $services; do
  postconf -P "$service/content_filter=mint:[127.0.0.1]:10026"
done
