/* Finds the JSON values in a stream of bytes, so that each can be parsed whole: from its first
 * bracket to the matching one, over any number of lines. Strings may be in single quotes, as QEMU
 * allows. What it keeps is bounded. */
#ifndef FRONTEND_QMP_JSON_H
#define FRONTEND_QMP_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_MAX   (1u << 20) /* bytes of a value */
#define FRAME_DEPTH 128

enum frame { FRAME_MORE, FRAME_READY, FRAME_BAD };

/* Zero-initialize. */
struct framer {
    char *text; /* FRAME_READY: the value, n bytes */
    size_t n, room;
    unsigned depth;
    char quote;      /* in a string: what ends it */
    bool escape;     /* the last byte was a backslash */
    bool skip;       /* something was wrong: nothing counts up to the end of the line */
    const char *why; /* FRAME_BAD */
};

/* Takes one byte. After FRAME_READY and FRAME_BAD call framer_next() before the next byte. */
enum frame framer_byte(struct framer *f, char c);
void framer_next(struct framer *f);
void framer_reset(struct framer *f); /* forgets all; frees memory */

#endif
