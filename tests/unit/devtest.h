/* For device tests: the board of tests/fuzz/rig.h, and the bus scripts of tests/fuzz/script.h, with
 * CMocka's way to fail. */
#ifndef TESTS_UNIT_DEVTEST_H
#define TESTS_UNIT_DEVTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "devices/core/chardev.h"
#include "devices/core/dev.h"
#include "devices/core/journal.h"
#include "mmu/phys.h"
#include "tests/fuzz/rig.h"
#include "tests/fuzz/script.h"

#define DT_UNUSED __attribute__((unused))

DT_UNUSED static struct dev *dt_dev(struct devtest *t, const struct dev_type *type,
                                    const char *options)
{
    char err[200] = "";
    struct dev *dev = dev_create(t->bus, type, options, err, sizeof(err));
    if (!dev)
        fail_msg("%s", err);
    return dev;
}

DT_UNUSED static void dt_on_output(void *opaque, const void *data, size_t len)
{
    struct devtest *t = opaque;
    assert_true(t->out_len + len < sizeof(t->out));
    memcpy(t->out + t->out_len, data, len);
    t->out_len += len;
}

DT_UNUSED static void dt_chardev(struct devtest *t, struct chardev *c, const char *name)
{
    chardev_init(c, dt_on_output, t);
    bus_add_object(t->bus, CHARDEV_KIND, name, c);
}

DT_UNUSED static void dt_step(struct devtest *t, u64 ns)
{
    dt_run_to(t, t->ticks + ns);
}

DT_UNUSED static u32 dt_in(struct devtest *t, u16 port)
{
    return bus_in(t->bus, port, 1);
}

DT_UNUSED static void dt_out(struct devtest *t, u16 port, u32 value)
{
    bus_out(t->bus, port, 1, value);
}

DT_UNUSED static void dt_script(struct devtest *t, const char *script)
{
    char err[200] = "";

    if (!script_run(t, script, err, sizeof(err)))
        fail_msg("%s", err);
}

#endif
