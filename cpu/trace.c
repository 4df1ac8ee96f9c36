/* Watching a run: which pages stay out of the fast path for it. */
#include "cpu/trace.h"

void trace_set(struct cpu *cpu, struct cpu_trace *t, enum trace_memory memory, const paddr pages[2])
{
    struct mmu *m = &cpu->mmu;
    bool all = t && memory == TRACE_ALL_MEMORY, some = t && memory == TRACE_PAGES;

    cpu->trace = t;
    m->watch_all = all;
    m->watch_phys = some;
    for (unsigned i = 0; some && i < 2; i++)
        m->watch_page[i] = pages[i] & ~(paddr)PAGE_MASK;
    mmu_watch(m);
}
