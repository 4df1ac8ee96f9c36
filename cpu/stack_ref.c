/* Which segment an access goes through that is found not to be canonical: through SS it is #SS(0),
 * else #GP(0) (SDM 3A 6.15). Translated code does not tell, since in 64-bit mode segments matter
 * nowhere else; so the instruction is looked at again, which only this fault pays for. */
#include "cpu/stack_ref.h"

#include <string.h>

#include "cpu/decode.h"

/* The bytes at EIP, as many as there are in memory. */
static unsigned fetch(struct cpu *cpu, u8 *bytes, unsigned max)
{
    laddr la = cpu_code_linear(cpu, cpu_eip(cpu));
    enum priv priv = cpu->cpl == 3 ? PRIV_USER : PRIV_SUPER;
    struct mmu_walk w;
    unsigned n = 0;

    while (n < max) {
        if (mmu_probe(&cpu->mmu, la + n, ACCESS_EXEC, priv, &w) == MMU_FAULT || !w.host)
            break;
        bytes[n++] = *w.host;
    }
    return n;
}

/* How far from ESP or EBP an instruction accesses the stack beside its operands; 0: it does not. */
static u64 stack_reach(const struct insn_row *row)
{
    static const struct {
        const char *name;
        u64 reach;
    } forms[] = {{"push", 8},
                 {"pop", 8},
                 {"pushf", 8},
                 {"popf", 8},
                 {"call", 8},
                 {"lcall", 16},
                 {"ret", 8},
                 {"retf", 16},
                 {"iret", 40},
                 {"leave", 8},
                 {"enter", 0x10000 + 32 * 8}};

    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        if (!strcmp(forms[i].name, row->name))
            return forms[i].reach;
    return 0;
}

bool insn_is_on_stack(struct cpu *cpu, laddr la)
{
    u8 bytes[15];
    unsigned n = fetch(cpu, bytes, sizeof(bytes));
    struct insn in;
    u64 reach;

    if (decode(cpu->decoder, bytes, n, CODE64, &in) != DECODE_OK)
        return false;
    if (insn_row_has_modrm(insn_row_of(&in)) && insn_mod(&in) != 3 && in.seg == SEG_SS)
        return true; /* whatever else it accesses is on the stack, too */
    reach = stack_reach(insn_row_of(&in));
    return la - cpu->gpr[ESP] + reach < 2 * reach || la - cpu->gpr[EBP] + reach < 2 * reach;
}
