/*
 * worker: the loop of the child process that owns one open device.
 *
 * It believes nothing that it reads (worker/messages.h): a record that breaks the rules is answered
 * with FAILED, which names the field, and the worker ends. Errors are told to the parent, who logs
 * them; only a remark about a device that works all the same is logged here.
 *
 * The channel is the caller's. One thread; both functions return when there is nothing left to do.
 */
#ifndef FRANK_WORKER_WORKER_H
#define FRANK_WORKER_WORKER_H

#include "base/chan.h"
#include "base/err.h"

#include <stddef.h>

/* Slices that one scan call takes at most, whatever the engine would like. */
#define FRANK_WORKER_BATCH_MAX 64U

/* Waits for OPEN, opens the device, then searches slices until the parent closes the channel.
 * FRANK_OK at the end of the stream; else what ended it, after FAILED was sent where it can be. */
FRANK_MUST_CHECK enum frank_err frank_worker_run(struct frank_chan *chan);

/* Tells the devices of the engine named `engine`, those of names[0..count) that exist because they
 * are named (engine.h: by_name), then PROBED. FRANK_OK when all was sent; FRANK_ERR_NOT_FOUND for
 * an unknown engine, FRANK_ERR_NOMEM (both said in PROBED), FRANK_ERR_CLOSED, FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_worker_probe(struct frank_chan *chan, const char *engine,
                                                   const char *const *names, size_t count);

#endif
