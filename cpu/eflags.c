/* EFLAGS as one number, from the parts that struct cpu keeps: the lazy arithmetic flags, DF and the
 * rest. SDM volume 1, 3.4.3. */
#include "cpu/state.h"

/* Bits that exist in EFLAGS; bit 1 is always set. */
enum { FLAGS_ALL = 0x003f7fd5 };

u32 cpu_eflags(const struct cpu *cpu)
{
    u32 df = cpu->df < 0 ? FLAG_DF : 0;

    return cpu->eflags | df | flags_eval(cpu->cc_op, cpu->cc_dst, cpu->cc_src, cpu->cc_aux);
}

void cpu_set_eflags(struct cpu *cpu, u32 value)
{
    cpu->eflags = (value & FLAGS_ALL & ~(u32)(FLAGS_ARITH | FLAG_DF)) | 2;
    cpu->df = value & FLAG_DF ? -1 : 1;
    cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
    cpu->cc_dst = 0;
    cpu->cc_src = value & FLAGS_ARITH;
    cpu->cc_aux = 0;
}
