/* Random port accesses, steps of time and input on all ISA devices together: nothing may crash,
 * hang or trip a sanitizer, and the same script must give the same state. A failing seed is
 * printed; its script (devtest.h) comes out on stderr with ORRERY_FUZZ_TRACE set. */
#include "devices/i8042.h"
#include "tests/unit/devtest.h"

#define SEEDS    40
#define COMMANDS 3000

static const u16 ports[] = {
    0x20,  0x21,  0xa0, 0xa1,  0x4d0, 0x4d1, 0x40,  0x41,  0x42,  0x43,  0x61,
    0x70,  0x71,  0x60, 0x64,  0x92,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd,
    0x3fe, 0x3ff, 0xe9, 0x501, 0x502, 0x3f6, 0x510, 0x511, 0x514, 0x518,
};

static const struct dev_type *const types[] = {
    &dev_i8259,  &dev_i8254,    &dev_mc146818,       &dev_i8042,
    &dev_port92, &dev_debugcon, &dev_isa_debug_exit, &dev_fw_cfg,
};

static u32 random_u32(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(*seed >> 33);
}

static void one_command(struct devtest *t, struct chardev *serial, u64 *seed)
{
    static const u64 steps[] = {0, 1, 900, 20000, 1000000, 30000000, 300000000};
    char line[64];
    u32 r = random_u32(seed), value = random_u32(seed) & 0xff;
    u16 port = ports[random_u32(seed) % ARRAY_LEN(ports)];
    static const char *const widths[] = {"", "", "", "", "", "", "w", "l"};
    const char *width = widths[r >> 8 & 7];

    switch (r & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: snprintf(line, sizeof(line), "in%s %x", width, port); break;
    case 5:
        snprintf(line, sizeof(line), "step %llu",
                 (unsigned long long)steps[random_u32(seed) % ARRAY_LEN(steps)]);
        break;
    case 6: bus_intack(t->bus); return;
    case 7:
        if (value & 1)
            i8042_send_key(t->journal, (u8)(value >> 1), r & 0x1000);
        else if (value & 2)
            i8042_send_mouse(t->journal, (s16)(value * 300), (s16)r, (s8)value, (u8)r);
        else
            chardev_input(serial, "input to the serial port", value % 24);
        return;
    default: snprintf(line, sizeof(line), "out%s %x %x", width, port, value); break;
    }
    if (getenv("ORRERY_FUZZ_TRACE"))
        fprintf(stderr, "%s\n", line);
    dt_command(t, line);
    t->out_len = 0;
}

static u64 run(u64 seed)
{
    struct devtest *t = dt_open();
    struct chardev serial;
    u64 hash;

    dt_chardev(t, &serial, "serial0");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        dt_dev(t, types[i], types[i] == &dev_debugcon ? "chardev=serial0" : NULL);
    dt_dev(t, &dev_uart16550, seed & 1 ? "chardev=serial0,pace=on" : "chardev=serial0");
    for (int i = 0; i < COMMANDS; i++)
        one_command(t, &serial, &seed);
    hash = dt_hash(t);
    dt_close(t);
    return hash;
}

static void test_random_scripts(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        u64 first = run(seed), second = run(seed);
        if (first != second)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
