#include "base/chan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Records start at multiples of 8 bytes, so that a payload can be read as a struct. */
#define ALIGN_BYTES           ((size_t)8)
#define ORDINARY_RECORD_BYTES 8192

struct record_head {
  uint32_t len_bytes;
  uint16_t type;
  uint16_t reserved;
};

struct packet {
  struct packet *next;
  size_t len_bytes;
  uint8_t bytes[FRANK_CHAN_PACKET_MAX_BYTES];
};

struct frank_chan {
  int fd;
  /* Packets to send, the first of them next, the last being filled; one spare is kept, so that
   * ordinary traffic does not allocate. */
  struct packet *first;
  struct packet *last;
  struct packet *spare;
  size_t count;
  size_t limit;
  size_t in_len;
  size_t in_pos;
  alignas(8) uint8_t in[FRANK_CHAN_PACKET_MAX_BYTES];
};

static size_t padded(size_t len_bytes)
{
  return (len_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

enum frank_err frank_chan_new(int fd, struct frank_chan **out)
{
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return FRANK_ERR_IO;
  }
  struct frank_chan *chan = calloc(1, sizeof *chan);
  if (!chan) {
    return FRANK_ERR_NOMEM;
  }
  chan->fd = fd;
  chan->limit = FRANK_CHAN_QUEUE_PACKETS;
  *out = chan;
  return FRANK_OK;
}

void frank_chan_destroy(struct frank_chan **chan)
{
  if (!*chan) {
    return;
  }
  close((*chan)->fd);
  while ((*chan)->first) {
    struct packet *next = (*chan)->first->next;
    free((*chan)->first);
    (*chan)->first = next;
  }
  free((*chan)->spare);
  free(*chan);
  *chan = NULL;
}

int frank_chan_fd(const struct frank_chan *chan)
{
  return chan->fd;
}

void frank_chan_set_queue(struct frank_chan *chan, size_t packets)
{
  assert(packets >= 1);
  chan->limit = packets;
}

/* Opens a new packet at the end of the queue. */
static enum frank_err open_packet(struct frank_chan *chan)
{
  if (chan->count >= chan->limit) {
    return FRANK_ERR_FULL;
  }
  struct packet *packet = chan->spare;
  chan->spare = NULL;
  if (!packet) {
    packet = malloc(sizeof *packet);
    if (!packet) {
      return FRANK_ERR_NOMEM;
    }
  }
  packet->next = NULL;
  packet->len_bytes = 0;
  if (chan->last) {
    chan->last->next = packet;
  } else {
    chan->first = packet;
  }
  chan->last = packet;
  chan->count++;
  return FRANK_OK;
}

static void drop_first(struct frank_chan *chan)
{
  struct packet *packet = chan->first;
  chan->first = packet->next;
  chan->last = chan->first ? chan->last : NULL;
  chan->count--;
  if (chan->spare) {
    free(packet);
  } else {
    chan->spare = packet;
  }
}

enum frank_err frank_chan_put(struct frank_chan *chan, uint16_t type, const void *head,
                              size_t head_len, const void *tail, size_t tail_len)
{
  if (head_len > FRANK_CHAN_RECORD_MAX_BYTES || tail_len > FRANK_CHAN_RECORD_MAX_BYTES - head_len) {
    return FRANK_ERR_TOO_LONG;
  }
  size_t len_bytes = head_len + tail_len;
  size_t need = sizeof(struct record_head) + padded(len_bytes);
  struct packet *last = chan->last;
  if (!last || last->len_bytes + need > FRANK_CHAN_PACKET_MAX_BYTES) {
    enum frank_err err = open_packet(chan);
    if (err == FRANK_ERR_FULL) {
      /* The peer may have caught up since the last flush; an error shows at the next one. */
      err = frank_chan_flush(chan);
      err = err == FRANK_OK || err == FRANK_ERR_AGAIN ? open_packet(chan) : FRANK_ERR_FULL;
    }
    if (err != FRANK_OK) {
      return err;
    }
    last = chan->last;
  }
  struct record_head record = {.len_bytes = (uint32_t)len_bytes, .type = type};
  uint8_t *at = last->bytes + last->len_bytes;
  memset(at + need - ALIGN_BYTES, 0, ALIGN_BYTES); /* the padding is not old memory */
  memcpy(at, &record, sizeof record);
  if (head_len > 0) {
    memcpy(at + sizeof record, head, head_len);
  }
  if (tail_len > 0) {
    memcpy(at + sizeof record + head_len, tail, tail_len);
  }
  last->len_bytes += need;
  return FRANK_OK;
}

enum frank_err frank_chan_flush(struct frank_chan *chan)
{
  while (chan->first) {
    const struct packet *packet = chan->first;
    ssize_t sent = send(chan->fd, packet->bytes, packet->len_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
        return FRANK_ERR_AGAIN;
      }
      return errno == EPIPE || errno == ECONNRESET ? FRANK_ERR_CLOSED : FRANK_ERR_IO;
    }
    drop_first(chan);
  }
  return FRANK_OK;
}

bool frank_chan_has_unsent(const struct frank_chan *chan)
{
  return chan->first != NULL;
}

bool frank_chan_has_room(const struct frank_chan *chan)
{
  if (chan->count < chan->limit) {
    return true;
  }
  return chan->last->len_bytes + ORDINARY_RECORD_BYTES <= FRANK_CHAN_PACKET_MAX_BYTES;
}

/* Reads the next packet into the buffer. */
static enum frank_err fill(struct frank_chan *chan)
{
  chan->in_pos = 0;
  chan->in_len = 0;
  bool was_reset = false;
  for (;;) {
    ssize_t got = recv(chan->fd, chan->in, sizeof chan->in, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return FRANK_ERR_AGAIN;
      }
      /* A peer that closed with something of ours unread resets the socket. That is told once;
       * what it had sent before is still there. */
      if (errno == ECONNRESET && !was_reset) {
        was_reset = true;
        continue;
      }
      return errno == ECONNRESET ? FRANK_ERR_CLOSED : FRANK_ERR_IO;
    }
    if (got == 0) {
      return FRANK_ERR_CLOSED;
    }
    if ((size_t)got > sizeof chan->in) {
      return FRANK_ERR_MALFORMED; /* a packet longer than any of ours */
    }
    chan->in_len = (size_t)got;
    return FRANK_OK;
  }
}

enum frank_err frank_chan_read(struct frank_chan *chan, struct frank_record *record)
{
  if (chan->in_pos == chan->in_len) {
    enum frank_err err = fill(chan);
    if (err != FRANK_OK) {
      return err;
    }
  }
  struct record_head head;
  size_t left = chan->in_len - chan->in_pos;
  if (left < sizeof head) {
    chan->in_pos = chan->in_len;
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&head, chan->in + chan->in_pos, sizeof head);
  left -= sizeof head;
  if (head.len_bytes > left || padded(head.len_bytes) > left) {
    chan->in_pos = chan->in_len;
    return FRANK_ERR_MALFORMED;
  }
  record->type = head.type;
  record->len_bytes = head.len_bytes;
  record->payload = chan->in + chan->in_pos + sizeof head;
  chan->in_pos += sizeof head + padded(head.len_bytes);
  return FRANK_OK;
}

bool frank_chan_has_unread(const struct frank_chan *chan)
{
  return chan->in_pos < chan->in_len;
}

enum frank_err frank_chan_wait(struct frank_chan *chan, int timeout_ms)
{
  if (chan->in_pos < chan->in_len) {
    return FRANK_OK;
  }
  struct pollfd p = {.fd = chan->fd, .events = (short)(POLLIN | (chan->first ? POLLOUT : 0))};
  int rc = poll(&p, 1, timeout_ms);
  if (rc <= 0) {
    return FRANK_ERR_TIMEOUT; /* also when a signal came: the caller looks again */
  }
  if ((p.revents & POLLOUT) != 0) {
    enum frank_err err = frank_chan_flush(chan);
    if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
      return FRANK_OK; /* reading will tell that the peer is gone */
    }
  }
  return FRANK_OK;
}
