/* A real-mode machine of one CPU model on one back end, and the running of traces on it. */
#ifndef TESTS_TRACES_REPLAY_H
#define TESTS_TRACES_REPLAY_H

#include "tests/traces/moo.h"

struct replay;

/* NULL: there is no such back end here, or no such model. */
struct replay *replay_new(const char *accel, const char *model);
void replay_free(struct replay *r);

/* Runs one test. False: what differs is in text, one line. mask: the FLAGS bits that are defined.
 */
bool replay_run(struct replay *r, const struct trace *t, u16 mask, char *text, size_t size);

#endif
