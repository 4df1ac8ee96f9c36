/* The x87 instructions D8 to DF on a struct x87 and plain values; nothing here knows struct cpu.
 *
 * To execute one: look up its form; raise #UD if there is none or the CPU model lacks the form's
 * generation; #NM and, unless X87_NOWAIT, the pending exception (x87_pending()) come next. Fill the
 * inputs of a struct x87_exec; if the form loads, read x87_mem_size() bytes of guest memory to
 * mem[]. Then x87_run().
 *
 * A form that stores must commit nothing before its memory write has succeeded. So run it on a
 * copy: fpu points to the copy, x87_run(), write mem[] to the guest if exec.store is set (it is not
 * when an unmasked exception suppressed the store), and only then assign the copy back. */
#ifndef CPU_X87_OPS_H
#define CPU_X87_OPS_H

#include "cpu/softfp.h"
#include "cpu/x87.h"

/* x87_form.attr */
enum {
    X87_LOAD = 1 << 0,      /* reads memory */
    X87_STORE = 1 << 1,     /* writes memory */
    X87_NOWAIT = 1 << 2,    /* does not report a pending exception first */
    X87_CONTROL = 1 << 3,   /* leaves FOP, FIP, FDP and C1 alone */
    X87_P6 = 1 << 4,        /* FCMOVcc, FCOMI: CPUID.CMOV */
    X87_SSE3 = 1 << 5,      /* FISTTP */
    X87_FLAGS_IN = 1 << 6,  /* FCMOVcc: reads exec.eflags */
    X87_FLAGS_OUT = 1 << 7, /* FCOMI: writes the six arithmetic flags in exec.eflags */
    X87_AX = 1 << 8,        /* FNSTSW AX: exec.ax is the result */
    X87_KEEP_C1 = 1 << 9,   /* leaves C1 alone unless the stack faults */
    X87_HOST = 1 << 10,     /* with all exceptions masked, the same on every maker's processor */
};

struct x87_exec;

struct x87_form {
    void (*fn)(struct x87_exec *x);
    u8 size;   /* bytes of memory; of the 32-bit form for the environment and state images */
    u8 size16; /* the same with a 16-bit operand size */
    u8 arg;    /* for fn */
    u16 attr;  /* X87_* */
};

struct x87_exec {
    struct x87 *fpu;
    struct fpctx c; /* private to x87_run() */
    u32 eflags;     /* in and out, whole */
    u16 ax;         /* out */
    u8 opcode;      /* D8..DF */
    u8 modrm;
    u8 arg;     /* private: form->arg */
    bool op16;  /* effective operand size is 16 bits */
    bool prot;  /* protected mode, not virtual-8086: layout of the environment */
    bool store; /* out: write mem[] to the guest */
    u16 cs, ds; /* selectors for FCS and FDS; ds of the operand's segment */
    u64 ip, dp; /* of this instruction and its memory operand, offsets */
    u8 mem[108];
};

/* The form of an instruction, or NULL for #UD. */
const struct x87_form *x87_lookup(unsigned opcode, unsigned modrm);

static inline unsigned x87_mem_size(const struct x87_form *form, bool op16)
{
    return op16 ? form->size16 : form->size;
}

void x87_run(const struct x87_form *form, struct x87_exec *x);

/* The power-up state (SDM vol. 3A, table 9-1) and FNINIT's, which keeps the registers. */
void x87_reset(struct x87 *f);
void x87_init(struct x87 *f);

/* The 2-bit tags of FNSTENV, computed from the registers. */
u16 x87_full_tags(const struct x87 *f);

/* The x87 part of an FXSAVE image: bytes 0-23 and 32-159; others are kept. The layout is that of 32
 * bits, or with `wide` that of REX.W: pointers of 64 bits, without selectors. */
void x87_fxsave(const struct x87 *f, u8 image[160], bool wide);
void x87_fxrstor(struct x87 *f, const u8 image[160], bool wide);

#endif
