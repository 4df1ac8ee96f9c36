/* How gen.c and encode.c make one instruction of a trial. */
#ifndef TESTS_ORACLE_ENCODE_H
#define TESTS_ORACLE_ENCODE_H

#include "tests/oracle/oracle.h"

/* One instruction in the making. */
struct encoder {
    struct trial *t;
    u64 *seed;
    const struct form *form;
    const struct insn_row *row;
    unsigned at;  /* where it starts in t->code */
    unsigned len; /* of t->code so far */
    bool first;   /* registers may still be bent to its needs */
    bool code32, op32, addr32;
    u8 seg;     /* override, or SEG_NONE */
    u8 keep[2]; /* general registers that later instructions of the trial address with */
    bool mem;   /* has a ModRM or moffs memory operand */
    enum seg mem_seg;
    u32 target;    /* its linear address */
    u32 next_code; /* length of the code that follows, for branches over it */
};

static inline bool row_has(const struct insn_row *row, u8 from, u8 to)
{
    for (unsigned i = 0; i < 3; i++)
        if (row->op[i] >= from && row->op[i] <= to)
            return true;
    return false;
}

/* A linear address for an operand: mostly in the data, sometimes over an edge of a page or of
 * segment seg. */
u32 pick_target(struct encoder *e, enum seg seg, bool aligned);
/* A selector for a load: mostly a good one for segment seg. */
u16 pick_selector(struct encoder *e, enum seg seg);
/* An offset to jump to in code segment cs: mostly HLTs. */
u32 pick_code(struct encoder *e, u16 cs);

/* Bytes at a linear address, as far as that is in the writable data. */
void add_patch(struct trial *t, u32 at, const void *bytes, unsigned len);
/* Encodes prefixes, opcode, operands. False: came to nothing. */
bool encode(struct encoder *e);

#endif
