/* For tests that let a whole machine run. Include after cmocka.h. */
#ifndef TESTS_UNIT_MACHINE_RIG_H
#define TESTS_UNIT_MACHINE_RIG_H

#include "machine/machine.h"

/* So many ticks further, halted or not. */
static inline void advance(struct orrery *o, u64 ticks)
{
    u64 end = cpu_icount(o->cpu) + ticks;

    while (cpu_icount(o->cpu) < end) {
        enum orrery_stop stop = orrery_run(o, end - cpu_icount(o->cpu));
        if (stop == ORRERY_IDLE)
            orrery_idle_skip(o, end - cpu_icount(o->cpu));
        else
            assert_int_equal(stop, ORRERY_RUNNING);
    }
}

#endif
