/* Watching a run: which pages stay out of the fast path for it. */
#include "cpu/trace.h"

#include "cpu/debug.h"

void trace_set(struct cpu *cpu, struct cpu_trace *t, enum trace_memory memory, const paddr pages[2])
{
    cpu->trace = t;
    if (t)
        t->watched = memory;
    for (unsigned i = 0; t && memory == TRACE_PAGES && i < 2; i++)
        t->page[i] = pages[i] & ~(paddr)PAGE_MASK;
    debug_update(cpu);
}
