/* Finding a page's entry in the TLB (mmu/tlb.h), for whatever code has an address: blocks and
 * stubs. 64-bit code uses the wide tables, where the entry is only the page's if the tag says so.
 */
#include "jit/x64/x64.h"

void tlb_find(const struct x64 *be, struct enc *e, bool wide, struct tlb_regs r, enum priv priv,
              enum access acc)
{
    if (wide && be->bmi2) {
        x_rorx64(e, r.tag, r.addr, 32);
    } else if (wide) {
        x_mov_rr(e, 8, r.tag, r.addr);
        x_shift_ri(e, X_SHR, 8, r.tag, 32);
    }
    if (r.entry != r.addr)
        x_mov_rr(e, 4, r.entry, r.addr);
    x_shift_ri(e, X_SHR, 4, r.entry, PAGE_BITS);
    if (wide)
        x_alu_rm(e, X_CMP, 4, r.tag, x_idx(REG_CPU, r.entry, 2, tlb_tags(priv, acc)));
}

void tlb_load(struct enc *e, bool wide, unsigned entry, enum priv priv, enum access acc)
{
    x_load(e, 8, entry, x_idx(REG_CPU, entry, 3, tlb_table(wide, priv, acc)));
}
