/* Questions for DKIM keys. See dkim_dns.h. */
#include "mail/dkim_dns.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define EDNS_BYTES       1232 /* what passes everywhere unfragmented (DNS flag day 2020) */
#define QUERY_MAX_BYTES  512
#define OPT_BYTES        11
#define ANSWER_MAX_BYTES 16384                             /* by TCP; a key has at most 1024 */
#define AGAIN_US         (UINT64_C(600) * FRANK_US_PER_MS) /* then the next server is asked, too */

struct query {
  uint8_t bytes[QUERY_MAX_BYTES];
  size_t len_bytes;
  size_t opt_bytes; /* of len_bytes; left out for a server that does not know EDNS */
  uint16_t id;
  const char *name;
};

/* ---- servers ---- */

enum frank_err frank_dkim_dns_server_parse(const char *text, struct frank_dkim_dns_server *out)
{
  char address[INET6_ADDRSTRLEN];
  size_t address_len = strcspn(text, "@");
  uint16_t port = NS_DEFAULTPORT;
  if (address_len == 0 || address_len >= sizeof address) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(address, text, address_len);
  address[address_len] = '\0';
  if (text[address_len] == '@') {
    const char *digits = text + address_len + 1;
    size_t digit_count = strspn(digits, "0123456789");
    if (digit_count == 0 || digits[digit_count] != '\0') {
      return FRANK_ERR_MALFORMED;
    }
    unsigned long number = digit_count > 5 ? 0 : strtoul(digits, NULL, 10);
    if (number == 0 || number > UINT16_MAX) {
      return FRANK_ERR_RANGE;
    }
    port = (uint16_t)number;
  }
  memset(out, 0, sizeof *out);
  struct sockaddr_in *in = (struct sockaddr_in *)&out->address;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->address;
  if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    out->len_bytes = sizeof *in;
    return FRANK_OK;
  }
  if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    out->len_bytes = sizeof *in6;
    return FRANK_OK;
  }
  return FRANK_ERR_MALFORMED;
}

enum frank_err frank_dkim_dns_system(struct frank_dkim_dns *out)
{
  struct __res_state state;
  memset(&state, 0, sizeof state);
  memset(out, 0, sizeof *out);
  if (res_ninit(&state) != 0) {
    return FRANK_ERR_NOT_FOUND;
  }
  for (int i = 0; i < state.nscount && out->count < FRANK_DKIM_DNS_SERVERS_MAX; i++) {
    struct frank_dkim_dns_server *server = &out->servers[out->count];
    /* glibc leaves the family 0 where the server's address is one of IPv6, and keeps it aside. */
    if (state.nsaddr_list[i].sin_family == AF_INET) {
      memcpy(&server->address, &state.nsaddr_list[i], sizeof state.nsaddr_list[i]);
      server->len_bytes = sizeof state.nsaddr_list[i];
      out->count++;
    } else if (state._u._ext.nsaddrs[i] != NULL) {
      memcpy(&server->address, state._u._ext.nsaddrs[i], sizeof *state._u._ext.nsaddrs[i]);
      server->len_bytes = sizeof *state._u._ext.nsaddrs[i];
      out->count++;
    }
  }
  res_nclose(&state);
  return out->count > 0 ? FRANK_OK : FRANK_ERR_NOT_FOUND;
}

/* ---- the question ---- */

static bool make_query(const char *name, struct query *query)
{
  memset(query, 0, sizeof *query);
  query->name = name;
  if (getrandom(&query->id, sizeof query->id, 0) != sizeof query->id) {
    return false;
  }
  uint8_t *at = query->bytes;
  ns_put16(query->id, at);
  at[2] = 0x01;         /* recursion is wanted */
  ns_put16(1, at + 4);  /* one question */
  ns_put16(1, at + 10); /* one additional record */
  int name_len = dn_comp(name, at + NS_HFIXEDSZ, NS_MAXCDNAME, NULL, NULL);
  if (name_len < 0) {
    return false;
  }
  at += NS_HFIXEDSZ + name_len;
  ns_put16(ns_t_txt, at);
  ns_put16(ns_c_in, at + 2);
  at += NS_QFIXEDSZ;
  at[0] = 0; /* the root, whose OPT record has the size that we take (RFC 6891, section 6.1.2) */
  ns_put16(ns_t_opt, at + 1);
  ns_put16(EDNS_BYTES, at + 3);
  at += OPT_BYTES;
  query->opt_bytes = OPT_BYTES;
  query->len_bytes = (size_t)(at - query->bytes);
  return true;
}

static void leave_out_edns(struct query *query)
{
  query->len_bytes -= query->opt_bytes;
  query->opt_bytes = 0;
  ns_put16(0, query->bytes + 10);
}

/* ---- waiting ---- */

static int ms_until(uint64_t deadline_us)
{
  uint64_t now_us = frank_clock_now_us();
  return now_us >= deadline_us ? 0 : (int)((deadline_us - now_us + 999) / FRANK_US_PER_MS);
}

/* Waits for `events` of one descriptor. False when the time is over. */
static bool wait_for(int fd, short events, uint64_t deadline_us)
{
  for (;;) {
    struct pollfd polled = {.fd = fd, .events = events};
    int wait_ms = ms_until(deadline_us);
    int ready = wait_ms > 0 ? poll(&polled, 1, wait_ms) : 0;
    if (ready > 0) {
      return true;
    }
    if (wait_ms == 0 || (ready < 0 && errno != EINTR)) {
      return false;
    }
  }
}

static int open_socket(const struct frank_dkim_dns_server *server, int type)
{
  int fd = socket(server->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&server->address, server->len_bytes) != 0 &&
      errno != EINPROGRESS) {
    close(fd);
    fd = -1;
  }
  return fd;
}

/* ---- by TCP (RFC 7766): a length of two bytes, and the message ---- */

static bool send_all(int fd, const uint8_t *bytes, size_t len_bytes, uint64_t deadline_us)
{
  while (len_bytes > 0) {
    if (!wait_for(fd, POLLOUT, deadline_us)) {
      return false;
    }
    ssize_t sent = send(fd, bytes, len_bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return false;
    }
    bytes += sent > 0 ? sent : 0;
    len_bytes -= sent > 0 ? (size_t)sent : 0;
  }
  return true;
}

static bool receive_all(int fd, uint8_t *bytes, size_t len_bytes, uint64_t deadline_us)
{
  while (len_bytes > 0) {
    if (!wait_for(fd, POLLIN, deadline_us)) {
      return false;
    }
    ssize_t got = recv(fd, bytes, len_bytes, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
      return false;
    }
    bytes += got > 0 ? got : 0;
    len_bytes -= got > 0 ? (size_t)got : 0;
  }
  return true;
}

static enum frank_dkim_key_state ask_by_tcp(const struct frank_dkim_dns_server *server,
                                            const struct query *query, uint64_t deadline_us,
                                            char text[FRANK_DKIM_KEY_BYTES], const char **why)
{
  uint8_t framed[2 + QUERY_MAX_BYTES];
  uint8_t len_field[2];
  enum frank_dkim_key_state state = FRANK_DKIM_KEY_LATER;
  uint8_t *answer = NULL;
  *why = "no DNS answer by TCP";
  int fd = open_socket(server, SOCK_STREAM);
  if (fd < 0) {
    return state;
  }
  ns_put16((uint16_t)query->len_bytes, framed);
  memcpy(framed + 2, query->bytes, query->len_bytes);
  if (!send_all(fd, framed, query->len_bytes + 2, deadline_us) ||
      !receive_all(fd, len_field, sizeof len_field, deadline_us)) {
    goto cleanup;
  }
  size_t len_bytes = ns_get16(len_field);
  if (len_bytes > ANSWER_MAX_BYTES) {
    *why = "the DNS answer is over 16 KiB";
    goto cleanup;
  }
  answer = malloc(len_bytes + 1);
  if (answer == NULL || !receive_all(fd, answer, len_bytes, deadline_us) ||
      !frank_dkim_answer_is_ours(answer, len_bytes, query->id, query->name)) {
    goto cleanup;
  }
  state = frank_dkim_answer_read(answer, len_bytes, query->name, text, why);
  if (state != FRANK_DKIM_KEY_FOUND && state != FRANK_DKIM_KEY_ABSENT) {
    *why = state == FRANK_DKIM_KEY_CUT ? "the DNS answer is cut short by TCP, too" : *why;
    state = FRANK_DKIM_KEY_LATER;
  }

cleanup:
  free(answer);
  close(fd);
  return state;
}

/* ---- by UDP: the next server is asked when one is slow, and all of them are listened to ---- */

struct asking {
  const struct frank_dkim_dns *dns;
  struct query query;
  uint64_t deadline_us;
  struct pollfd polled[FRANK_DKIM_DNS_SERVERS_MAX]; /* fd -1: not asked, or failed */
  bool failed[FRANK_DKIM_DNS_SERVERS_MAX];
  size_t next; /* the server whose turn it is */
  char *text;
  const char *why;
};

static void fail(struct asking *asking, size_t i, const char *why)
{
  asking->failed[i] = true;
  asking->why = why;
  if (asking->polled[i].fd >= 0) {
    close(asking->polled[i].fd);
    asking->polled[i].fd = -1;
  }
}

/* Sends to the server whose turn it is. False when all have failed. */
static bool send_next(struct asking *asking)
{
  for (size_t tried = 0; tried < asking->dns->count; tried++) {
    size_t i = asking->next;
    asking->next = (asking->next + 1) % asking->dns->count;
    if (asking->failed[i]) {
      continue;
    }
    struct pollfd *polled = &asking->polled[i];
    if (polled->fd < 0) {
      polled->fd = open_socket(&asking->dns->servers[i], SOCK_DGRAM);
      polled->events = POLLIN;
    }
    if (polled->fd >= 0 &&
        send(polled->fd, asking->query.bytes, asking->query.len_bytes, MSG_NOSIGNAL) >= 0) {
      return true;
    }
    fail(asking, i, "the DNS server cannot be reached");
  }
  return false;
}

/* What server `i` has sent. LATER: nothing that ends the question. */
static enum frank_dkim_key_state take(struct asking *asking, size_t i)
{
  uint8_t answer[EDNS_BYTES];
  ssize_t got = recv(asking->polled[i].fd, answer, sizeof answer, MSG_TRUNC);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      fail(asking, i, "the DNS server cannot be reached");
    }
    return FRANK_DKIM_KEY_LATER;
  }
  size_t len_bytes = (size_t)got > sizeof answer ? sizeof answer : (size_t)got;
  if (!frank_dkim_answer_is_ours(answer, len_bytes, asking->query.id, asking->query.name)) {
    return FRANK_DKIM_KEY_LATER; /* somebody's guess, or an old one */
  }
  const char *why = "";
  enum frank_dkim_key_state state =
      (size_t)got > sizeof answer
          ? FRANK_DKIM_KEY_CUT
          : frank_dkim_answer_read(answer, len_bytes, asking->query.name, asking->text, &why);
  if (state == FRANK_DKIM_KEY_PLAIN && asking->query.opt_bytes > 0) {
    leave_out_edns(&asking->query);
    asking->next = i;
    return send_next(asking) ? FRANK_DKIM_KEY_LATER : state;
  }
  if (state == FRANK_DKIM_KEY_CUT) {
    state = ask_by_tcp(&asking->dns->servers[i], &asking->query, asking->deadline_us, asking->text,
                       &why);
  }
  if (state == FRANK_DKIM_KEY_FOUND || state == FRANK_DKIM_KEY_ABSENT) {
    asking->why = why;
    return state;
  }
  fail(asking, i, why);
  return FRANK_DKIM_KEY_LATER;
}

/* One wait, until `until_us`. LATER: nothing that ends the question; *is_moved then says whether
 * a server has failed in it, so that the next one need not wait. */
static enum frank_dkim_key_state listen_once(struct asking *asking, uint64_t until_us,
                                             bool *is_moved)
{
  int ready = poll(asking->polled, asking->dns->count, ms_until(until_us));
  for (size_t i = 0; ready > 0 && i < asking->dns->count; i++) {
    if (asking->polled[i].fd < 0 || asking->polled[i].revents == 0) {
      continue;
    }
    enum frank_dkim_key_state state = take(asking, i);
    if (state == FRANK_DKIM_KEY_FOUND || state == FRANK_DKIM_KEY_ABSENT) {
      return state;
    }
    *is_moved = *is_moved || asking->failed[i];
  }
  return FRANK_DKIM_KEY_LATER;
}

enum frank_dkim_key_state frank_dkim_dns_ask(const struct frank_dkim_dns *dns, const char *name,
                                             uint64_t deadline_us, char text[FRANK_DKIM_KEY_BYTES],
                                             const char **why)
{
  struct asking asking = {
      .dns = dns, .deadline_us = deadline_us, .text = text, .why = "no DNS answer in time"};
  enum frank_dkim_key_state state = FRANK_DKIM_KEY_LATER;
  text[0] = '\0';
  for (size_t i = 0; i < FRANK_DKIM_DNS_SERVERS_MAX; i++) {
    asking.polled[i].fd = -1;
  }
  if (!make_query(name, &asking.query)) {
    *why = "the key's name is no DNS name";
    return FRANK_DKIM_KEY_ABSENT;
  }
  while (state == FRANK_DKIM_KEY_LATER && ms_until(deadline_us) > 0 && send_next(&asking)) {
    uint64_t again_us = frank_clock_now_us() + AGAIN_US;
    uint64_t until_us = again_us < deadline_us ? again_us : deadline_us;
    bool is_moved = false;
    while (state == FRANK_DKIM_KEY_LATER && !is_moved && ms_until(until_us) > 0) {
      state = listen_once(&asking, until_us, &is_moved);
    }
  }
  for (size_t i = 0; i < dns->count; i++) {
    if (asking.polled[i].fd >= 0) {
      close(asking.polled[i].fd);
    }
  }
  *why = asking.why;
  return state;
}
