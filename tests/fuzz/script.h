/* Bus scripts: what a program does to devices, as text, one command per line or semicolon. Unit
 * tests have them in their source, regressions are files in tests/fuzz/scripts, and the fuzzer
 * prints its inputs as such.
 *
 *     out PORT VALUE        also outw, outl; hexadecimal
 *     in PORT [VALUE[&M]]   also inw, inl; checks the value (under mask M)
 *     outs PORT VALUE N     also outsw, outsl: the same N times over; N decimal
 *     ins PORT N            also insw, insl: reads N times
 *     wr ADDR VALUE         32 bits of memory, also wrb, wrw; hexadecimal
 *     rd ADDR [VALUE[&M]]   also rdb, rdw; checks them
 *     mem ADDR BYTES        writes RAM; hexadecimal digits without gaps
 *     ram ADDR BYTES        checks RAM
 *     base VALUE            IA32_APIC_BASE; hexadecimal
 *     deadline TICK         of the APIC's timer; decimal
 *     step NS               decimal; runs the timers that come due, each at its time
 *     input BYTES CHANNEL   from outside, by the name of the journal's channel
 *     inputs BYTES N CHANNEL the bytes N times over, as one piece
 *     reset                 of the board
 *     irq N LEVEL           checks the level of line N
 *     edges N COUNT         checks how often it rose since the last `edges N`
 *     raise N, lower N      drives the line
 *     intr LEVEL            checks the controller's request
 *     ack [VECTOR]          interrupt acknowledge; hexadecimal
 *     a20 LEVEL
 *     # comment */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include "tests/fuzz/rig.h"

enum op_kind {
    OP_NONE, /* an empty line */
    OP_OUT,
    OP_IN,
    OP_OUTS,
    OP_INS,
    OP_WRITE,
    OP_READ,
    OP_MEM,
    OP_RAM,
    OP_BASE,
    OP_DEADLINE,
    OP_STEP,
    OP_INPUT,
    OP_INPUTS,
    OP_RESET,
    OP_IRQ,
    OP_EDGES,
    OP_RAISE,
    OP_LOWER,
    OP_INTR,
    OP_ACK,
    OP_A20,
};

#define OP_BYTES 64
#define OP_TIMES 4096 /* OP_OUTS, OP_INS, OP_INPUTS, at most */
#define OP_LINE  256  /* bytes of a line, the zero at its end included */

struct op {
    enum op_kind kind;
    unsigned size;  /* OP_OUT to OP_READ: 1, 2 or 4; OP_MEM to OP_INPUTS: of bytes */
    unsigned times; /* OP_OUTS, OP_INS, OP_INPUTS */
    u64 at;         /* port, address, line */
    u64 value;      /* to write or to expect; time, level */
    bool expect;    /* the value is checked, */
    u64 mask;       /* under this mask */
    u8 bytes[OP_BYTES];
    char name[OP_BYTES]; /* of a channel */
};

/* A line of a script. False: it is none. */
bool op_parse(const char *line, struct op *op);

/* The line of an op, without newline, in OP_LINE bytes. Returns its length. */
size_t op_print(const struct op *op, char *line);

/* Does it to the board. False: what came was not what was expected; *got has it. */
bool op_run(struct devtest *t, const struct op *op, u64 *got);

/* Runs a whole script. On failure false, and one line in err. */
bool script_run(struct devtest *t, const char *text, char *err, size_t err_size);

#endif
