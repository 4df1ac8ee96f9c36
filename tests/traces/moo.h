/* Captured traces: single instructions with the state of a real processor before and after, in
 * files of the MOO format, version 1, gzip-compressed. */
#ifndef TESTS_TRACES_MOO_H
#define TESTS_TRACES_MOO_H

#include "base/types.h"

/* The registers of a trace, in the order of their mask. */
enum trace_reg {
    TR_AX,
    TR_BX,
    TR_CX,
    TR_DX,
    TR_CS,
    TR_SS,
    TR_DS,
    TR_ES,
    TR_SP,
    TR_BP,
    TR_SI,
    TR_DI,
    TR_IP,
    TR_FLAGS,
    TR_COUNT
};

struct trace_byte {
    u32 addr; /* physical */
    u8 value;
};

struct trace_state {
    u16 reg[TR_COUNT]; /* those in mask */
    u16 mask;
    struct trace_byte *ram;
    u32 nram, ram_room;
};

struct trace {
    u32 index;
    char name[80];
    u8 bytes[32];
    unsigned nbytes;
    struct trace_state init;
    struct trace_state fina; /* only what changed */
    bool excepted;
    u8 vector;
    u32 flags_addr; /* physical address of the FLAGS word that the exception pushed */
};

struct moo; /* a file being read */

/* NULL with a reason in err. */
struct moo *moo_open(const char *path, char *err, size_t size);
void moo_close(struct moo *m);
/* The next test, valid until the next call; NULL at the end, or with a reason in err where the file
 * is damaged (err is "" else). */
const struct trace *moo_next(struct moo *m, char *err, size_t size);

#endif
