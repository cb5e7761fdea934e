/*
 * signals: the signals that ask `frank` to end, where it has something to say before it does: the
 * best header, a final record, a request that is taken back. A signal that is ignored (nohup, a job
 * in the background) stays so.
 */
#ifndef FRANK_PROGRAMS_SIGNALS_H
#define FRANK_PROGRAMS_SIGNALS_H

#include <signal.h>

#define FRANK_SIGNALS_COUNT 3

/* SIGINT, SIGTERM and SIGHUP but those that are ignored, and a 0 after the last. */
void frank_signals_list(int list[FRANK_SIGNALS_COUNT + 1]);

/* From here on they are caught and do not end the program; `old` keeps what they did before. System
 * calls that wait are interrupted. */
void frank_signals_catch(struct sigaction old[FRANK_SIGNALS_COUNT]);
/* The last one that was caught; 0 for none. */
int frank_signals_caught(void);
void frank_signals_restore(const struct sigaction old[FRANK_SIGNALS_COUNT]);

/* Ends the program as the signal would have ended it, so that a shell's loop stops too. */
void frank_signals_end(int signal_number);

#endif
