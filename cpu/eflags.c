/* EFLAGS as one number, from the parts that struct cpu keeps: the lazy arithmetic flags, DF and the
 * rest. Guests tell processor generations apart by the bits that stay clear or set, so which exist
 * follows from the model. SDM volume 1, 3.4.3; AP-485, 4.1 (detection of the 8086 to the 80486). */
#include "cpu/cpuid.h"
#include "cpu/state.h"

enum {
    FLAGS_8086 = 0x0fd5,
    FLAGS_286 = 0x7fd5,
    FLAGS_386 = FLAGS_286 | FLAG_RF | FLAG_VM,
    FLAGS_P5 = FLAGS_386 | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID,
    ONES_8086 = 0xf002, /* the upper four bits of FLAGS read as ones */
    ONES = 0x0002,
};

static u32 flags_that_exist(const struct cpu *cpu)
{
    switch (cpu->model->isa) {
    case ISA_8086:
    case ISA_186: return FLAGS_8086;
    case ISA_286: return cpu->cr0 & CR0_PE ? FLAGS_286 : FLAGS_8086;
    case ISA_386: return FLAGS_386;
    case ISA_486: return FLAGS_386 | FLAG_AC | (cpu->model->max_leaf ? FLAG_ID : 0);
    default: return FLAGS_P5;
    }
}

u32 cpu_eflags(const struct cpu *cpu)
{
    u32 df = cpu->df < 0 ? FLAG_DF : 0;

    return cpu->eflags | df | cpu_arith_flags(cpu);
}

void cpu_set_system_flags(struct cpu *cpu, u32 value)
{
    u32 ones = cpu->model->isa <= ISA_186 ? ONES_8086 : ONES;

    cpu->eflags = (value & flags_that_exist(cpu) & ~(u32)(FLAGS_ARITH | FLAG_DF)) | ones;
    cpu->df = value & FLAG_DF ? -1 : 1;
}

void cpu_set_eflags(struct cpu *cpu, u32 value)
{
    cpu_set_system_flags(cpu, value);
    cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
    cpu->cc_dst = 0;
    cpu->cc_src = value & FLAGS_ARITH;
    cpu->cc_aux = 0;
}
