/* What the lifted REP string instructions tell their helpers, in one constant. */
#ifndef CPU_HELP_STR_H
#define CPU_HELP_STR_H

#include "base/types.h"

enum {
    REP_SIZE_LOG2 = 3, /* bits 1:0 */
    REP_ADDR16 = 1 << 2,
    REP_REPNE = 1 << 3,
    REP_ADDR64 = 1 << 4,
    REP_SEG_SHIFT = 5, /* segment of the source, enum seg */
};

/* What HELPER_overrun is told. */
enum overrun {
    OVERRUN_MOVS,
    OVERRUN_STOS,
    OVERRUN_LODS,
    OVERRUN_CMPS,
    OVERRUN_SCAS,
    OVERRUN_INS,
    OVERRUN_OUTS
};

static inline u32 rep_info(unsigned size, unsigned addrsize, unsigned seg, bool repne)
{
    return (u32)__builtin_ctz(size) | (addrsize == 2 ? REP_ADDR16 : 0) |
           (addrsize == 8 ? REP_ADDR64 : 0) | (repne ? REP_REPNE : 0) | seg << REP_SEG_SHIFT;
}

#endif
