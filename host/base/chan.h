/*
 * chan: one end of the SOCK_SEQPACKET pair between frankd and a child.
 *
 * A packet carries one or more records {length, type, payload}: many small records travel in one
 * system call. Writing puts records into the packet at hand; flush sends what has gathered.
 * The queue of packets that the peer has not taken yet is bounded. Both ends are the same build on
 * the same machine, so payloads are plain structs; a reader still checks every length, because a
 * child that parses strangers' bytes may be the one that speaks.
 *
 * Owner: the process that made it, one thread. Lifetime: from new to destroy, which closes the
 * descriptor.
 */
#ifndef FRANK_BASE_CHAN_H
#define FRANK_BASE_CHAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a snapshot (mint/status.h) needs; about 200 KiB is where Linux refuses a packet. */
#define FRANK_CHAN_PACKET_MAX_BYTES 90112
#define FRANK_CHAN_QUEUE_PACKETS    64 /* packets waiting for a slow peer: 5.5 MiB */
#define FRANK_CHAN_RECORD_MAX_BYTES (FRANK_CHAN_PACKET_MAX_BYTES - 16)

struct frank_chan;

struct frank_record {
  uint16_t type;
  uint32_t len_bytes;
  const uint8_t *payload; /* view into the channel's buffer, valid until the next read */
};

/* Takes ownership of the connected SOCK_SEQPACKET descriptor `fd` (made non-blocking) on success
 * only. FRANK_ERR_NOMEM, FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_chan_new(int fd, struct frank_chan **out);

/* Closes the descriptor, frees, sets *chan to NULL. What was not flushed is lost. */
void frank_chan_destroy(struct frank_chan **chan);

int frank_chan_fd(const struct frank_chan *chan);

/* Lets `packets` (1 or more) wait for the peer instead of FRANK_CHAN_QUEUE_PACKETS. */
void frank_chan_set_queue(struct frank_chan *chan, size_t packets);

/* Appends a record of `head_len` bytes of `head` and `tail_len` bytes of `tail` (either may be
 * NULL with 0). Sends nothing unless the packet at hand is full. FRANK_ERR_FULL when the bound on
 * waiting packets is reached (nothing was appended), FRANK_ERR_TOO_LONG past
 * FRANK_CHAN_RECORD_MAX_BYTES, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_chan_put(struct frank_chan *chan, uint16_t type,
                                               const void *head, size_t head_len, const void *tail,
                                               size_t tail_len);

/* Sends waiting packets. FRANK_ERR_AGAIN: the peer is slow, some are still waiting;
 * FRANK_ERR_CLOSED, FRANK_ERR_IO: the peer is gone. */
FRANK_MUST_CHECK enum frank_err frank_chan_flush(struct frank_chan *chan);

/* True while something waits to be sent: the owner watches for room to write. */
bool frank_chan_has_unsent(const struct frank_chan *chan);

/* True while put of an ordinary record (up to 8 KiB) will not answer FRANK_ERR_FULL. */
bool frank_chan_has_room(const struct frank_chan *chan);

/* The next record. FRANK_ERR_AGAIN: none now; FRANK_ERR_CLOSED: end of stream;
 * FRANK_ERR_MALFORMED: the peer sent a packet whose lengths do not add up. */
FRANK_MUST_CHECK enum frank_err frank_chan_read(struct frank_chan *chan,
                                                struct frank_record *record);

/* True while records of a packet that was already received wait to be read: no event of the
 * descriptor will tell of them. */
bool frank_chan_has_unread(const struct frank_chan *chan);

/* Waits at most `timeout_ms` (-1: for ever) until reading will not block, or a waiting packet can
 * be sent (and sends it). FRANK_OK or FRANK_ERR_TIMEOUT; a closed peer counts as readable. */
FRANK_MUST_CHECK enum frank_err frank_chan_wait(struct frank_chan *chan, int timeout_ms);

#endif
