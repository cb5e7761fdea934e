/* A DKIM key in a DNS message. See dkim_answer.h. */
#include "mail/dkim_answer.h"

#include <arpa/nameser.h>
#include <netinet/in.h> /* resolv.h needs it */
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TRUNCATED 0x02 /* TC, in the third byte of the header (RFC 1035, section 4.1.1) */

bool frank_dkim_answer_is_ours(const uint8_t *message, size_t len_bytes, uint16_t id,
                               const char *name)
{
  char asked[NS_MAXDNAME];
  if (len_bytes < NS_HFIXEDSZ || ns_get16(message) != id || (message[2] & 0x80) == 0 ||
      ns_get16(message + 4) != 1) {
    return false;
  }
  const uint8_t *end = message + len_bytes;
  int name_len = dn_expand(message, end, message + NS_HFIXEDSZ, asked, sizeof asked);
  if (name_len < 0 || end - (message + NS_HFIXEDSZ + name_len) < NS_QFIXEDSZ) {
    return false;
  }
  const uint8_t *at = message + NS_HFIXEDSZ + name_len;
  return ns_get16(at) == ns_t_txt && ns_get16(at + 2) == ns_c_in && strcasecmp(asked, name) == 0;
}

/* The alias of *name among the answers, into *name. False where it has none, or there is none that
 * can be read. */
static bool follow(ns_msg *message, int count, char name[NS_MAXDNAME])
{
  for (int i = 0; i < count; i++) {
    ns_rr record;
    if (ns_parserr(message, ns_s_an, i, &record) < 0) {
      return false;
    }
    if (ns_rr_type(record) == ns_t_cname && ns_rr_class(record) == ns_c_in &&
        strcasecmp(ns_rr_name(record), name) == 0) {
      return dn_expand(ns_msg_base(*message), ns_msg_end(*message), ns_rr_rdata(record), name,
                       NS_MAXDNAME) >= 0;
    }
  }
  return false;
}

/* The strings of a TXT record in one. NULL: done; else what is wrong. */
static const char *put_together(const uint8_t *data, size_t data_len,
                                char text[FRANK_DKIM_KEY_BYTES])
{
  size_t len = 0;
  for (size_t at = 0; at < data_len;) {
    size_t string_len = data[at++];
    if (string_len > data_len - at) {
      return "the key record is cut short";
    }
    if (string_len > FRANK_DKIM_KEY_BYTES - 1 - len) {
      return "the key record is longer than 1024 bytes";
    }
    /* libopendkim would take what is before a NUL for all of it. */
    if (memchr(data + at, '\0', string_len) != NULL) {
      return "the key record has a NUL in it";
    }
    memcpy(text + len, data + at, string_len);
    len += string_len;
    at += string_len;
  }
  text[len] = '\0';
  return len > 0 ? NULL : "the key record is empty";
}

static enum frank_dkim_key_state read_records(ns_msg *message, int count, const char *asked,
                                              char text[FRANK_DKIM_KEY_BYTES], const char **why)
{
  char name[NS_MAXDNAME];
  bool is_found = false;
  snprintf(name, sizeof name, "%s", asked);
  for (int i = 0; i < FRANK_DKIM_CNAMES_MAX && follow(message, count, name); i++) {
  }
  for (int i = 0; i < count; i++) {
    ns_rr record;
    if (ns_parserr(message, ns_s_an, i, &record) < 0) {
      *why = "the DNS answer cannot be read";
      return FRANK_DKIM_KEY_LATER;
    }
    if (ns_rr_type(record) != ns_t_txt || ns_rr_class(record) != ns_c_in ||
        strcasecmp(ns_rr_name(record), name) != 0) {
      continue;
    }
    if (is_found) {
      *why = "more than one key record";
      return FRANK_DKIM_KEY_ABSENT;
    }
    const char *wrong = put_together(ns_rr_rdata(record), ns_rr_rdlen(record), text);
    if (wrong != NULL) {
      *why = wrong;
      return FRANK_DKIM_KEY_ABSENT;
    }
    is_found = true;
  }
  *why = is_found ? "" : "no key in DNS";
  return is_found ? FRANK_DKIM_KEY_FOUND : FRANK_DKIM_KEY_ABSENT;
}

enum frank_dkim_key_state frank_dkim_answer_read(const uint8_t *message, size_t len_bytes,
                                                 const char *name, char text[FRANK_DKIM_KEY_BYTES],
                                                 const char **why)
{
  ns_msg parsed;
  *why = "";
  text[0] = '\0';
  if (len_bytes >= NS_HFIXEDSZ && (message[2] & TRUNCATED) != 0) {
    return FRANK_DKIM_KEY_CUT; /* before all else: what is cut need not be well-formed */
  }
  if (len_bytes > NS_MAXMSG || ns_initparse(message, (int)len_bytes, &parsed) < 0) {
    *why = "the DNS answer cannot be read";
    return FRANK_DKIM_KEY_LATER;
  }
  switch (ns_msg_getflag(parsed, ns_f_rcode)) {
  case ns_r_noerror:
    break;
  case ns_r_nxdomain:
    *why = "no key in DNS";
    return FRANK_DKIM_KEY_ABSENT;
  case ns_r_formerr:
  case ns_r_notimpl:
    *why = "the DNS server does not understand the question";
    return FRANK_DKIM_KEY_PLAIN;
  default:
    *why = "the DNS server fails";
    return FRANK_DKIM_KEY_LATER;
  }
  int count = ns_msg_count(parsed, ns_s_an);
  if (count > FRANK_DKIM_RECORDS_MAX) {
    *why = "more than 64 records in the DNS answer";
    return FRANK_DKIM_KEY_ABSENT;
  }
  enum frank_dkim_key_state state = read_records(&parsed, count, name, text, why);
  if (state != FRANK_DKIM_KEY_FOUND) {
    text[0] = '\0';
  }
  return state;
}
