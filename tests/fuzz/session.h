/* A whole session of the orrery command with somebody at a protocol's other end: GDB's or QMP's. */
#ifndef TESTS_FUZZ_SESSION_H
#define TESTS_FUZZ_SESSION_H

#include "base/types.h"

enum session_protocol { SESSION_GDB, SESSION_QMP };

/* Starts a machine that stands at its first instruction, hands over the bytes piece by piece, lets
 * the guest run for a moment where they ask for it, and ends it. What a protocol can write to files
 * goes to the current folder. */
void session_feed(enum session_protocol protocol, const u8 *data, size_t size);
/* From here on the current folder is an empty one that goes away at the end, and files stay small.
 */
void session_sandbox(void);

#endif
